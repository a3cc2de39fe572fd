/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's notify protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET. */
#ifndef COFFER_CMD_NOTIFY_H
#define COFFER_CMD_NOTIFY_H

/* state: "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=..." ... Does nothing when nobody listens; a lost
 * datagram is logged. */
void notify_send(const char *state);
/* RELOADING=1 with the time that Type=notify-reload asks for. */
void notify_reloading(void);

#endif
