#!/bin/busybox sh
# The guest's first process: loads the modules, puts a writable layer over the machine's own files, which it sees
# read-only over 9p, and runs the tests there. /guest.env says where the checkout is.
/bin/busybox --install -s /bin
export PATH=/bin
. /guest.env
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /load-order); do
  parameters=
  [ "$module" = dummy_hcd.ko ] && parameters="num=4"
  insmod "/modules/$module" $parameters || echo "guest: cannot load $module"
done
mount -t configfs config /sys/kernel/config
mkdir -p /host /layer /guest
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose host /host || echo "guest: no files"
mount -t tmpfs layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /guest || echo "guest: no overlay"
mount -t proc proc /guest/proc
mount -t sysfs sys /guest/sys
mount --bind /sys/kernel/config /guest/sys/kernel/config
mount --bind /dev /guest/dev
mkdir -p /guest/dev/pts /guest/dev/shm /guest/tmp /guest/results
mount -t devpts pts /guest/dev/pts
mount -t tmpfs shm /guest/dev/shm
mount -t tmpfs run /guest/run
mount -t tmpfs tmp /guest/tmp
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 results /guest/results || echo "guest: no results folder"
ip link set lo up
echo "guest: up after $(cut -d' ' -f1 /proc/uptime) s"
chroot /guest /bin/bash "$CHECKOUT/test/hardware/guest/run.sh" "$CHECKOUT" "$NODE" "$REPLUGS" "$ONLY"
echo "guest: done after $(cut -d' ' -f1 /proc/uptime) s"
poweroff -f
