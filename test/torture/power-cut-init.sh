#!/bin/busybox sh
# The guest's first process: sees the machine's own files read-only over 9p, and commits entries to /dev/vda until the
# power goes. /guest.env says what runs.
/bin/busybox --install -s /bin
export PATH=/bin
. /guest.env
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /load-order); do
  insmod "/modules/$module" || echo "guest: cannot load $module"
done
mkdir -p /host /layer /guest
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose host /host || echo "guest: no files"
mount -t tmpfs layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /guest || echo "guest: no overlay"
mount -t proc proc /guest/proc
mount --bind /dev /guest/dev
mkdir -p /guest/mnt/data
mount -t ext4 /dev/vda /guest/mnt/data || echo "guest: no disk"
echo "guest: up after $(cut -d' ' -f1 /proc/uptime) s"
CANTEEN_SYNCHRONOUS="$SYNCHRONOUS" chroot /guest "$NODE" "$WRITER" /mnt/data 1
echo "guest: the writer ended"
poweroff -f
