using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Machines;

namespace Runcvm.Tests.Hypervisors.Qemu;

public class QemuArgumentsTests
{
    private const string Golden = """
        qemu-system-x86_64
        -M microvm,x-option-roms=off,isa-serial=on,rtc=on
        -global virtio-mmio.force-legacy=false
        -nodefaults -no-user-config -nographic
        -action reboot=reset
        -accel tcg,thread=multi,tb-size=128
        -cpu max,-erms,-fsrm
        -smp 2
        -m 512
        -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
        -bios qboot.rom
        -kernel /boot/vmlinux
        -initrd /boot/initramfs
        -append panic=-1·quiet
        -chardev socket,id=console,fd=4
        -serial chardev:console
        -chardev socket,id=monitor,fd=5
        -qmp chardev:monitor
        -chardev socket,id=stream,fd=3
        -device virtio-serial-device,max_ports=2
        -device virtserialport,chardev=stream,name=org.runcvm.stream
        -add-fd fd=10,set=1
        -drive if=none,id=root,format=raw,readonly=on,auto-read-only=off,cache=writeback,discard=unmap,file.locking=off,file=/dev/fdset/1
        -device virtio-blk-device,drive=root,serial=root,werror=enospc,rerror=report
        -add-fd fd=11,set=2
        -drive if=none,id=scratch,format=raw,readonly=off,auto-read-only=off,cache=writeback,discard=unmap,file.locking=off,file=/dev/fdset/2
        -device virtio-blk-device,drive=scratch,serial=scratch,werror=enospc,rerror=report
        -netdev tap,id=net0,fd=6
        -device virtio-net-device,netdev=net0,mac=02:42:ac:11:00:02
        -netdev tap,id=net1,fd=7
        -device virtio-net-device,netdev=net1,mac=02:42:ac:11:00:ff
        -device virtio-balloon-device,deflate-on-oom=on,free-page-reporting=on
        """;

    private static readonly Hardware Parts = new() { Cpus = 2, MemoryBytes = 512 << 20, Balloon = true };

    private static readonly MachineSettings Settings = new()
    {
        Program = "/usr/bin/qemu-system-x86_64",
        Architecture = Architecture.X64,
        Hardware = Parts,
        Vmlinux = "/boot/vmlinux",
        Initramfs = "/boot/initramfs",
        KernelCommandLine = "panic=-1 quiet",
        Disks = [new("root", "/disks/a,b", true), new("scratch", "/disks/scratch", false)],
        Cards = [new(new SafeFileHandle(), "tap0", [2, 0x42, 172, 17, 0, 2]), new(new SafeFileHandle(), "tap1", [2, 0x42, 172, 17, 0, 255])],
    };

    [Fact]
    public void The_whole_command_line()
        // A space inside an argument is written as a dot in the middle.
        => Assert.Equal(Golden.Split([' ', '\n']), QemuArguments.Build(Settings).Select(static argument => argument.Replace(' ', '·')));

    [Fact]
    public void With_kvm_only_accelerator_and_processor_differ()
    {
        List<string> without = QemuArguments.Build(Settings);
        List<string> with = QemuArguments.Build(Settings with { Hardware = Parts with { UseKvm = true } });
        Assert.Equal(["kvm", "host"], with.Except(without));
        Assert.Equal(without.Count, with.Count);
    }

    [Theory]
    [InlineData(true, false, "memory-backend-memfd,id=memory,size=512M,hugetlb=on,hugetlbsize=2M")]
    [InlineData(false, true, "memory-backend-ram,id=memory,size=512M,prealloc=on")]
    [InlineData(true, true, "memory-backend-memfd,id=memory,size=512M,hugetlb=on,hugetlbsize=2M,prealloc=on")]
    public void Memory_of_its_own_kind_is_an_object(bool huge, bool now, string memory)
    {
        List<string> with = QemuArguments.Build(
            Settings with { Hardware = Parts with { HugePages = huge, PreallocateMemory = now } });
        Assert.Equal(
            ["microvm,x-option-roms=off,isa-serial=on,rtc=on,memory-backend=memory", "-object", memory],
            with.Except(QemuArguments.Build(Settings)));
    }

    [Fact]
    public void Each_card_has_a_file_of_its_own_by_which_the_kernel_carries_its_packets()
    {
        List<string> with = QemuArguments.Build(
            Settings with { Hardware = Parts with { VhostNet = true }, HasShares = true });
        Assert.Equal(
            ["tap,id=net0,fd=6,vhost=on,vhostfd=10", "tap,id=net1,fd=7,vhost=on,vhostfd=11"],
            with.Where(static argument => argument.Contains("vhostfd", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright", "max,-erms,-fsrm")]
    [InlineData("QEMU emulator version 8.0.5\n", "max,-erms,-fsrm")]
    [InlineData("QEMU emulator version 8.1.0-rc2\n", "max,-erms,-fsrm,-fsrs")]
    [InlineData("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\n", "max,-erms,-fsrm,-fsrs")]
    [InlineData("somebody's own\n", "max,-erms,-fsrm")]
    public void An_emulated_processor_does_not_claim_to_be_fast_at_what_is_emulated_byte_by_byte(string answer, string processor)
        => Assert.Contains(processor, QemuArguments.Build(Settings with { Version = QemuVersion.Read(answer) }));

    [Fact]
    public void On_arm64_program_machine_and_processor_differ()
    {
        List<string> x64 = QemuArguments.Build(Settings);
        List<string> arm64 = QemuArguments.Build(Settings with { Architecture = Architecture.Arm64 });
        Assert.Equal(["qemu-system-aarch64", "virt,gic-version=max,its=off", "max,pauth-impdef=on"], arm64.Except(x64));
        Assert.Equal(["qemu-system-aarch64", "virt,gic-version=max,its=off", "kvm", "host"],
            QemuArguments.Build(Settings with
            {
                Architecture = Architecture.Arm64,
                Hardware = Parts with { UseKvm = true },
            }).Except(x64));
        // No firmware is named.
        Assert.Equal(x64.Count - 2, arm64.Count);
    }

    [Fact]
    public void A_restored_machine_has_its_devices_one_after_the_other_and_no_kernel()
    {
        MachineSettings settings = Settings with { HasShares = true };
        List<string> restored = QemuArguments.Build(settings with { Saved = new SafeFileHandle() });
        Assert.Equal(
            Enumerable.Range(1, 6).Select(static place => $"virtio-mmio-bus.{place}"),
            restored.Select(static argument => argument.Split(",bus=")).Where(static parts => parts.Length > 1)
                .Select(static parts => parts[1]));
        Assert.Equal(["-kernel", "-initrd", "-append"], new[] { "-kernel", "-initrd", "-append" }.Except(restored));
        Assert.DoesNotContain("vhost-user", string.Join(' ', restored), StringComparison.Ordinal);
        Assert.DoesNotContain("memory-backend", string.Join(' ', restored), StringComparison.Ordinal);
        Assert.Contains("virtserialport,chardev=shares,name=org.runcvm.shares", restored);
        // Behind all other files.
        Assert.Equal(["-incoming", "fd:12"], restored.TakeLast(2));
    }

    [Fact]
    public void A_machine_to_be_saved_is_a_restored_one_without_devices()
    {
        List<string> saved = QemuArguments.BuildToSave(Settings);
        Assert.DoesNotContain("-device", saved);
        List<string> restored = QemuArguments.Build(Settings with { Saved = new SafeFileHandle() });
        string[] boot = ["-kernel", "/boot/vmlinux", "-initrd", "/boot/initramfs", "-append", "panic=-1 quiet"];
        Assert.Equal(boot, saved.Except(restored));
    }

    [Fact]
    public void Shares_have_a_device_and_a_port_of_their_own()
    {
        List<string> without = QemuArguments.Build(Settings);
        List<string> with = QemuArguments.Build(Settings with { HasShares = true });
        Assert.Equal(
            [
                "microvm,x-option-roms=off,isa-serial=on,rtc=on,memory-backend=memory", "-object", "memory-backend-memfd,id=memory,size=512M,share=on",
                "virtio-serial-device,max_ports=3", "socket,id=shares,fd=8", "virtserialport,chardev=shares,name=org.runcvm.shares",
                "socket,id=files,fd=9", "vhost-user-fs-device,chardev=files,tag=org.runcvm.shares,queue-size=1024",
            ],
            with.Except(without));
    }
}
