/* SPDX-License-Identifier: Apache-2.0 */
/* AES-GCM: test cases of D. McGrew and J. Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, as submitted
 * to NIST; those with 96-bit nonces. The numbers are that paper's. */
#ifndef COFFER_CONFORMANCE_AES_GCM_H
#define COFFER_CONFORMANCE_AES_GCM_H

#define ZERO_16 "00000000000000000000000000000000"
#define ZERO_12 "000000000000000000000000"
#define KEY_16  "feffe9928665731c6d6a8f9467308308"
#define NONCE   "cafebabefacedbaddecaf888"
#define AAD     "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define PLAIN_60                                                                                                       \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                                                 \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define PLAIN_64 PLAIN_60 "1aafd255"

static const struct aes_gcm_vector {
    int number;
    const char *key, *nonce, *aad, *plain, *sealed; /* ciphertext and tag */
} aes_gcm_vectors[] = {
    {1, ZERO_16, ZERO_12, "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {2, ZERO_16, ZERO_12, "", ZERO_16, "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
    {3, KEY_16, NONCE, "", PLAIN_64,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985"
        "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {4, KEY_16, NONCE, AAD, PLAIN_60,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
        "5bc94fbc3221a5db94fae95ae7121a47"},
    {7, ZERO_16 "0000000000000000", ZERO_12, "", "", "cd33b28ac773f74ba00ed1f312572435"},
    {8, ZERO_16 "0000000000000000", ZERO_12, "", ZERO_16,
        "98e7247c07f0fe411c267e4384b0f6002ff58d80033927ab8ef4d4587514f0fb"},
    {10, KEY_16 "feffe9928665731c", NONCE, AAD, PLAIN_60,
        "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
        "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710"
        "2519498e80f1478f37ba55bd6d27618c"},
    {13, ZERO_16 ZERO_16, ZERO_12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {14, ZERO_16 ZERO_16, ZERO_12, "", ZERO_16, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {15, KEY_16 KEY_16, NONCE, "", PLAIN_64,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
        "b094dac5d93471bdec1a502270e3cc6c"},
    {16, KEY_16 KEY_16, NONCE, AAD, PLAIN_60,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"},
};

#endif
