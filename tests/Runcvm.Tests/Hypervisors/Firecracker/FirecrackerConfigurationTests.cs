using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors.Firecracker;
using Runcvm.Machines;

namespace Runcvm.Tests.Hypervisors.Firecracker;

public class FirecrackerConfigurationTests
{
    private const string Golden = """
        {
          "boot-source": {
            "kernel_image_path": "/boot/vmlinux",
            "initrd_path": "/boot/initramfs",
            "boot_args": "panic=-1 quiet"
          },
          "machine-config": {
            "vcpu_count": 3,
            "mem_size_mib": 512,
            "smt": false,
            "track_dirty_pages": false,
            "huge_pages": "None"
          },
          "drives": [
            {
              "drive_id": "root",
              "path_on_host": "/disks/root",
              "is_root_device": false,
              "is_read_only": true,
              "cache_type": "Writeback",
              "io_engine": "Sync"
            },
            {
              "drive_id": "scratch",
              "path_on_host": "/disks/scratch",
              "is_root_device": false,
              "is_read_only": false,
              "cache_type": "Writeback",
              "io_engine": "Sync"
            }
          ],
          "network-interfaces": [
            {
              "iface_id": "net0",
              "host_dev_name": "tap0",
              "guest_mac": "02:42:ac:11:00:02"
            }
          ],
          "vsock": {
            "guest_cid": 3,
            "uds_path": "/run/hypervisor/vsock.sock"
          },
          "entropy": {},
          "balloon": {
            "amount_mib": 0,
            "deflate_on_oom": true
          }
        }
        """;

    private static readonly FirecrackerFiles Files = new("/run/hypervisor");

    private static readonly MachineSettings Settings = new()
    {
        Architecture = Architecture.X64,
        Program = "/boot/firecracker",
        Hardware = new Hardware { UseKvm = true, Cpus = 3, MemoryBytes = 512 << 20, Balloon = true },
        Vmlinux = "/boot/vmlinux",
        Initramfs = "/boot/initramfs",
        KernelCommandLine = "panic=-1 quiet",
        Disks = [new("root", "/disks/root", true), new("scratch", "/disks/scratch", false)],
        Cards = [new(new SafeFileHandle(), "tap0", [2, 0x42, 172, 17, 0, 2])],
        Folder = "/run/hypervisor",
    };

    [Fact]
    public void The_whole_file() => Assert.Equal(Golden, Text(Settings));

    [Fact]
    public void Huge_pages_are_a_setting_of_the_machine()
        => Assert.Contains("\"huge_pages\": \"2M\"",
            Text(Settings with { Hardware = Settings.Hardware with { HugePages = true } }), StringComparison.Ordinal);

    [Fact]
    public void The_whole_command_line_leaves_the_filter_on()
        => Assert.Equal(
            "firecracker --id runcvm --config-file /run/hypervisor/config.json --api-sock /run/hypervisor/api.sock --log-path /run/hypervisor/errors "
            + "--level Warning --show-level",
            string.Join(' ', FirecrackerArguments.Build(Files)));

    [Theory]
    [InlineData(0, "/dev/vda")]
    [InlineData(25, "/dev/vdz")]
    [InlineData(26, "/dev/vdaa")]
    [InlineData(701, "/dev/vdzz")]
    [InlineData(702, "/dev/vdaaa")]
    public void Disks_are_named_as_the_kernel_names_them(int index, string name) => Assert.Equal(name, FirecrackerMachine.BlockDevice(index));

    private static string Text(MachineSettings settings) => Encoding.UTF8.GetString(FirecrackerConfiguration.Build(settings, Files));
}
