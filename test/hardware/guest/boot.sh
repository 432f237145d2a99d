# Read by the first process of each guest: loads the modules and puts a writable layer over the machine's own files,
# which it sees read-only over 9p, in /guest. `parameters_of MODULE` may be defined before.
/bin/busybox --install -s /bin
export PATH=/bin
. /guest.env
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /load-order); do
  insmod "/modules/$module" $(type parameters_of >/dev/null 2>&1 && parameters_of "$module") || echo "guest: cannot load $module"
done
mkdir -p /host /layer /guest
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose host /host || echo "guest: no files"
mount -t tmpfs layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /guest || echo "guest: no overlay"
mount -t proc proc /guest/proc
