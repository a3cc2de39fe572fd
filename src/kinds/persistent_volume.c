/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/persistent_volume.h"

#include "base/clock.h"
#include "kinds/kinds.h"

#define CLASS_ANNOTATION "volume.beta.kubernetes.io/storage-class"

static err_t persistent_volume_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    (void)kind;
    return resource_list_settle(arena, tree_at(object, "spec", "capacity", NULL), error);
}

/* When the phase changed, or the volume was made. */
static err_t persistent_volume_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    struct json *status = tree_member(arena, object, "status", JSON_OBJECT);
    const struct json *before = json_get(old, BYTES("status"));
    char now[CLOCK_RFC3339_SIZE];
    if (!status)
        return arena_error(arena, error);
    if (old &&
        (subresource != SUBRESOURCE_STATUS || bytes_equal(tree_text(status, "phase"), tree_text(before, "phase"))))
        return ERR_OK;
    clock_format(clock_wall_seconds(), now);
    bytes text = arena_copy(arena, bytes_of(now));
    if (!text.p || !tree_set_text(arena, status, "lastPhaseTransitionTime", text))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Cells of volumes and claims */

void put_access_modes_cell(struct arena *arena, struct buffer *b, const struct json *modes)
{
    static const struct {
        const char *mode, *shown;
    } rows[] = {
        {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
    struct buffer text;
    buffer_init(&text, arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (const struct json *mode = modes ? modes->first : NULL; mode; mode = mode->next)
            if (bytes_equal(mode->text, bytes_of(rows[i].mode))) {
                buffer_format(&text, "%s%s", text.n ? "," : "", rows[i].shown);
                break;
            }
    b->failed = b->failed || text.failed;
    put_cell(b, text.n ? buffer_bytes(&text) : BYTES(""));
}

void put_phase_cell(struct buffer *b, const struct json *object)
{
    bool leaving = json_get(json_get(object, BYTES("metadata")), BYTES("deletionTimestamp"));
    put_cell(b, leaving ? BYTES("Terminating") : tree_text(json_get(object, BYTES("status")), "phase"));
}

void put_class_cell(struct buffer *b, const struct json *object)
{
    const struct json *annotation = json_get(tree_at(object, "metadata", "annotations", NULL), BYTES(CLASS_ANNOTATION));
    put_cell(b, annotation ? annotation->text : tree_text(json_get(object, BYTES("spec")), "storageClassName"));
}

void put_optional_cell(struct buffer *b, const struct json *spec, const char *name)
{
    put_cell(b, json_get(spec, bytes_of(name)) ? tree_text(spec, name) : BYTES("<unset>"));
}

void warn_of_class_annotation(struct arena *arena, const struct json *object, struct warnings *warnings)
{
    if (json_get(tree_at(object, "metadata", "annotations", NULL), BYTES(CLASS_ANNOTATION)))
        warning_add(arena, warnings,
            BYTES("metadata.annotations[" CLASS_ANNOTATION
                  "]: deprecated since v1.8; use \"storageClassName\" attribute instead"));
}

static void persistent_volume_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *claim = json_get(spec, BYTES("claimRef"));
    (void)kind;
    put_text_cell(b, tree_text(json_get(spec, BYTES("capacity")), "storage"), "0");
    put_access_modes_cell(arena, b, json_get(spec, BYTES("accessModes")));
    put_cell(b, tree_text(spec, "persistentVolumeReclaimPolicy"));
    put_phase_cell(b, object);
    put_cell(b, claim
                    ? arena_join(arena, tree_text(claim, "namespace"), BYTES("/"), tree_text(claim, "name"), ARENA_END)
                    : BYTES(""));
    put_class_cell(b, object);
    put_optional_cell(b, spec, "volumeAttributesClassName");
    put_cell(b, tree_text(json_get(object, BYTES("status")), "reason"));
    put_age_cell(b, object, now);
    put_optional_cell(b, spec, "volumeMode");
}

/* ---- Warnings */

static void warn_of_labels(struct arena *arena, const struct json *spec, struct warnings *warnings)
{
    static const struct {
        const char *key, *since, *use;
    } rows[] = {{"beta.kubernetes.io/arch", "1.14", "kubernetes.io/arch"},
        {"beta.kubernetes.io/os", "1.14", "kubernetes.io/os"},
        {"failure-domain.beta.kubernetes.io/region", "1.17", "topology.kubernetes.io/region"},
        {"failure-domain.beta.kubernetes.io/zone", "1.17", "topology.kubernetes.io/zone"},
        {"beta.kubernetes.io/instance-type", "1.17", "node.kubernetes.io/instance-type"}};
    const struct json *term = tree_first(tree_at(spec, "nodeAffinity", "required", NULL), "nodeSelectorTerms");
    for (unsigned i = 0; term; term = term->next, i++) {
        unsigned j = 0;
        for (const struct json *one = tree_first(term, "matchExpressions"); one; one = one->next, j++)
            for (size_t k = 0; k < ARRAY_LEN(rows); k++)
                if (bytes_equal(tree_text(one, "key"), bytes_of(rows[k].key)))
                    warning_add(arena, warnings,
                        arena_format(arena,
                            "spec.nodeAffinity.required.nodeSelectorTerms[%u].matchExpressions[%u].key: %s is "
                            "deprecated since v%s; use \"%s\" instead",
                            i, j, rows[k].key, rows[k].since, rows[k].use));
    }
}

static void persistent_volume_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    static const struct {
        const char *source, *sentence;
    } rows[] = {{"cephfs", "spec.cephfs: deprecated in v1.28, non-functional in v1.31+"},
        {"photonPersistentDisk", "spec.photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+"},
        {"scaleIO", "spec.scaleIO: deprecated in v1.16, non-functional in v1.22+"},
        {"storageos", "spec.storageOS: deprecated in v1.22, non-functional in v1.25+"},
        {"glusterfs", "spec.glusterfs: deprecated in v1.25, non-functional in v1.26+"},
        {"rbd", "spec.rbd: deprecated in v1.28, non-functional in v1.31+"}};
    const struct json *spec = json_get(object, BYTES("spec"));
    (void)kind;
    warn_of_class_annotation(arena, object, warnings);
    if (bytes_equal(tree_text(spec, "persistentVolumeReclaimPolicy"), BYTES("Recycle")))
        warning_add(arena, warnings,
            BYTES("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
                  "recommended "
                  "approach is to use dynamic provisioning."));
    warn_of_labels(arena, spec, warnings);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (json_get(spec, bytes_of(rows[i].source)))
            warning_add(arena, warnings, bytes_of(rows[i].sentence));
}

const struct kind_rules persistent_volume_rules = {
    .set_defaults = persistent_volume_set_defaults,
    .prepare = persistent_volume_prepare,
    .validate = persistent_volume_validate,
    .warn = persistent_volume_warn,
    .cells = persistent_volume_cells,
};
