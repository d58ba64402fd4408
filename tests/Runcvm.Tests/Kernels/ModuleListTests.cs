using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public class ModuleListTests
{
    private static readonly string[] Dependencies =
    [
        "kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko",
        "kernel/drivers/virtio/virtio_ring.ko:",
        "kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko",
        "kernel/arch/x86/crypto/crc32c-intel.ko:",
        "kernel/net/unrelated.ko:",
    ];

    [Fact]
    public void Dependencies_come_first_and_once()
        => Assert.Equal(
            [
                "kernel/drivers/virtio/virtio_ring.ko", "kernel/drivers/virtio/virtio.ko", "kernel/drivers/block/virtio_blk.ko",
                "kernel/arch/x86/crypto/crc32c-intel.ko",
            ],
            ModuleList.InLoadOrder(Dependencies, ["virtio_blk", "not_there", "crc32c_intel", "virtio"]));
}
