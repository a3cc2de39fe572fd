#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# systemd.sh DIRECTORY: systemd as process 1 of namespaces of its own, over this machine's root, of which it changes nothing. It runs
# DIRECTORY/probe.service, which may read and write DIRECTORY as /out, with DIRECTORY/coffer.service beside it, until the probe powers it off.
# Status 77: it cannot be done here.
set -euo pipefail
directory=$1 stage=${2:-outside}
cannot() { echo "systemd.sh: $1" >&2; exit 77; }

own_group() { # a control group of its own, which the namespace shows as the root
  local root
  root=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  [ -n "$root" ] || cannot "there is no cgroup2"
  group=$root/coffer-test.$$
  if ! mkdir "$group" || ! echo $$ >"$group/cgroup.procs"; then cannot "no control group can be made"; fi
}

outside() {
  local status=0 group apart=(unshare --pid --mount --fork --uts --ipc --net --cgroup --kill-child)
  if [ "$(id -u)" -ne 0 ] || [ ! -x /lib/systemd/systemd ]; then cannot "needs root and systemd"; fi
  "${apart[@]}" true || cannot "no namespaces can be made"
  own_group
  "${apart[@]}" "$0" "$directory" inside || status=$?
  echo $$ >"$(dirname "$group")/cgroup.procs"
  find "$group" -depth -type d -exec rmdir {} \;
  return "$status"
}

root_of_its_own() { # at $directory/root
  mkdir -p "$directory/root"
  mount --make-rprivate / && mount -t tmpfs tmpfs "$directory/root" && cd "$directory/root" && mkdir upper work merged &&
    mount -t overlay overlay -o "lowerdir=/,upperdir=upper,workdir=work" merged && cd merged &&
    mount -t proc proc proc && mount --bind -o ro proc/sys proc/sys && mount -o remount,bind,ro proc/sys &&
    mount -t sysfs -o ro sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup && mount -t tmpfs tmpfs run && mount -t tmpfs tmpfs tmp &&
    mount -t tmpfs -o mode=755 tmpfs dev && mkdir dev/shm dev/pts old out && mount -t tmpfs tmpfs dev/shm &&
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts && ln -s pts/ptmx dev/ptmx || return
  for device in null zero full random urandom tty; do
    touch "dev/$device" && mount --bind "/dev/$device" "dev/$device" || return
  done
  ln -s /proc/self/fd dev/fd && mount --bind "$directory" out
}

inside() {
  ip link set lo up
  root_of_its_own || cannot "no root of its own can be mounted"
  rm -rf etc/systemd/system/*.wants var/lib/coffer etc/coffer var/log/journal etc/machine-id
  touch etc/machine-id
  ln -sf /dev/null etc/systemd/system/modprobe@.service
  cp out/coffer.service out/probe.service etc/systemd/system/
  pivot_root . old
  umount -l /old
  exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=probe.service
}
"$stage"
