#!/bin/busybox sh
# The guest's first process: commits entries to /dev/vda until the power goes. /guest.env says what runs.
. /boot.sh
mount --bind /dev /guest/dev
mkdir -p /guest/mnt/data
mount -t ext4 /dev/vda /guest/mnt/data || echo "guest: no disk"
echo "guest: up after $(cut -d' ' -f1 /proc/uptime) s"
CANTEEN_SYNCHRONOUS="$SYNCHRONOUS" chroot /guest "$NODE" "$WRITER" /mnt/data 1
echo "guest: the writer ended"
poweroff -f
