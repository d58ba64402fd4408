using System.Globalization;
using System.Runtime.InteropServices;
using Runcvm.Machines;

namespace Runcvm.Hypervisors.Qemu;

/// <summary>QEMU's command line: one small function per device, in the order in which the guest finds them.</summary>
internal static class QemuArguments
{
    internal const int StreamFile = 3;
    internal const int ConsoleFile = 4;
    internal const int MonitorFile = 5;
    internal const int FirstTapFile = 6;

    /// <summary>The name by which the guest finds the stream's port.</summary>
    private const string PortName = "org.runcvm.stream";

    /// <summary>The same for requests of shared files.</summary>
    private const string SharesPortName = "org.runcvm.shares";

    /// <summary>Room for a request of 1 MiB, in pages.</summary>
    private const int QueueSize = 1024;

    // Not 0: the second interrupt controller takes its own first line for the third, as the first one has to for the
    // timer's (hw/intc/ioapic.c).
    internal const int FirstPlace = 1;

    // A minimal machine: no PCI, no firmware to run through. The clock chip gives the kernel its first idea of the time.
    // Interval timer and old interrupt controller stay: without them one boot in many hangs on a busy host.
    private const string MicrovmMachine = "microvm,x-option-roms=off,isa-serial=on,rtc=on";

    // Of the two that QEMU brings for it, the one that starts a kernel by itself. Which one is the default differs between distributions.
    private const string MicrovmFirmware = "qboot.rom";

    // Its virtio devices are on MMIO as well, in a device tree. The second version of the interrupt controller has eight CPUs at most.
    private const string VirtMachine = "virt,gic-version=max,its=off";

    internal static List<string> Build(MachineSettings settings) =>
    [
        Program(settings),
        .. Machine(settings),
        .. Memory(settings),
        .. Boot(settings),
        .. Console(),
        .. Monitor(),
        .. Stream(settings),
        .. settings.Disks.SelectMany((disk, index) => Disk(disk, index, settings)),
        .. settings.Cards.SelectMany((card, index) => Card(card, index, settings)),
        .. settings.Hardware.Balloon ? Balloon(settings) : [],
        .. Incoming(settings),
    ];

    /// <summary>A machine without any device that a restored one could lack.</summary>
    internal static List<string> BuildToSave(MachineSettings settings) =>
        [Program(settings), .. Machine(settings), .. Boot(settings), .. Console(), .. Monitor()];

    /// <summary>The number under which QEMU finds the machine that it restores.</summary>
    internal static int SavedFile(MachineSettings settings) => DiskFile(settings, settings.Disks.Count);

    // A machine with devices was stopped when it was saved, and its monitor says when it is there (QemuMonitor.cs).
    private static string[] Incoming(MachineSettings settings)
        => !settings.IsRestored ? [] : ["-incoming", settings.IsClone ? "defer" : $"fd:{SavedFile(settings)}"];

    /// <summary>Whether its devices are in the first places.</summary>
    internal static bool ArePlacesFirst(MachineSettings settings) => settings.IsRestored && !settings.ArePlacesLast;

    // The guest of a restored machine looks at the places from the first on until one is empty. Else QEMU takes the
    // last.
    private static string Place(MachineSettings settings, int number)
        => ArePlacesFirst(settings) ? $",bus=virtio-mmio-bus.{FirstPlace + number}" : "";

    private static string Program(MachineSettings settings) => IsArm64(settings) ? "qemu-system-aarch64" : "qemu-system-x86_64";

    private static bool IsArm64(MachineSettings settings) => settings.Architecture == Architecture.Arm64;

    private static IEnumerable<string> Machine(MachineSettings settings) =>
    [
        "-M", (IsArm64(settings) ? VirtMachine : MicrovmMachine) + (HasOwnMemory(settings) ? ",memory-backend=memory" : ""),
        // Devices as virtio 1 has them: those of before do not work with vhost-user.
        "-global", "virtio-mmio.force-legacy=false",
        "-nodefaults", "-no-user-config", "-nographic",
        // Until the guest has answered it may boot again.
        "-action", "reboot=reset",
        "-accel", settings.Hardware.UseKvm ? "kvm" : "tcg,thread=multi,tb-size=128",
        "-cpu", settings.Hardware.UseKvm ? "host" : EmulatedProcessor.Model(settings.Architecture, settings.Version),
        "-smp", settings.Hardware.Cpus.ToString(CultureInfo.InvariantCulture),
        "-m", settings.Hardware.MemoryMebibytes.ToString(CultureInfo.InvariantCulture),
        // QEMU's own filter on system calls, beside the one of the sandbox.
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    ];

    private static IEnumerable<string> Memory(MachineSettings settings)
    {
        if (!HasOwnMemory(settings)) return [];
        // The file server reads and writes the guest's memory itself. A file in memory may also consist of huge pages, without a
        // file system of such that somebody would have to mount.
        string kind = HasFileDevice(settings) || settings.Hardware.HugePages
            ? "memory-backend-memfd" : "memory-backend-ram";
        string options = (HasFileDevice(settings) ? ",share=on" : "")
            + (settings.Hardware.HugePages ? ",hugetlb=on,hugetlbsize=2M" : "")
            + (settings.Hardware.PreallocateMemory ? ",prealloc=on" : "");
        long size = settings.Hardware.MemoryMebibytes;
        return ["-object", FormattableString.Invariant($"{kind},id=memory,size={size}M{options}")];
    }

    private static bool HasOwnMemory(MachineSettings settings)
        => HasFileDevice(settings) || settings.Hardware.HugePages || settings.Hardware.PreallocateMemory;

    /// <summary>Whether its shares are a device. QEMU 7.2 restores no machine that has one, so that those have the port
    /// alone.</summary>
    internal static bool HasFileDevice(MachineSettings settings) => settings.HasShares && !settings.IsRestored;

    private static IEnumerable<string> Boot(MachineSettings settings) =>
    [
        .. IsArm64(settings) ? [] : (string[])["-bios", MicrovmFirmware],
        // The memory of a restored machine has all that.
        .. settings.IsRestored ? [] : (string[])
            ["-kernel", settings.Vmlinux, "-initrd", settings.Initramfs, "-append", settings.KernelCommandLine],
    ];

    private static IEnumerable<string> Console()
        => ["-chardev", $"socket,id=console,fd={ConsoleFile}", "-serial", "chardev:console"];

    private static IEnumerable<string> Monitor()
        // The short form: QEMU 11.1 warns of -mon, and QEMU 10.0 does not know -object monitor-qmp, its successor.
        => ["-chardev", $"socket,id=monitor,fd={MonitorFile}", "-qmp", "chardev:monitor"];

    // Last, so that it changes nobody's place. A workload that needs memory comes before a balloon that somebody blew up; and what the
    // guest's kernel has no use for goes back to the host by itself.
    private static IEnumerable<string> Balloon(MachineSettings settings) =>
    [
        "-device", "virtio-balloon-device,deflate-on-oom=on,free-page-reporting=on"
            + Place(settings, 1 + settings.Disks.Count + settings.Cards.Count),
    ];

    // Shared files have a port of their own, so that neither side's event loop has a part in serving them.
    private static IEnumerable<string> Stream(MachineSettings settings) =>
    [
        "-chardev", $"socket,id=stream,fd={StreamFile}",
        "-device", $"virtio-serial-device,max_ports={(settings.HasShares ? 3 : 2)}{Place(settings, 0)}",
        "-device", $"virtserialport,chardev=stream,name={PortName}",
        .. settings.HasShares ? SharesPort(SharesFile(settings)) : [],
        .. HasFileDevice(settings) ? SharesDevice(SharesFile(settings) + 1) : [],
    ];

    // The device is served by this program. The port is for guests whose kernel has no driver for it, and for what cannot be said through it.
    private static IEnumerable<string> SharesPort(int file) =>
        ["-chardev", $"socket,id=shares,fd={file}", "-device", $"virtserialport,chardev=shares,name={SharesPortName}"];

    private static IEnumerable<string> SharesDevice(int file) =>
    [
        "-chardev", $"socket,id=files,fd={file}",
        "-device", $"vhost-user-fs-device,chardev=files,tag={SharesPortName},queue-size={QueueSize}",
    ];

    /// <summary>The number under which QEMU finds the stream of the shares.</summary>
    internal static int SharesFile(MachineSettings settings) => FirstTapFile + settings.Cards.Count;

    /// <summary>The number under which QEMU finds a disk's open file.</summary>
    internal static int DiskFile(MachineSettings settings, int disk)
        => VhostFile(settings, settings.Hardware.VhostNet ? settings.Cards.Count : 0) + disk;

    private static IEnumerable<string> Disk(MachineSettings.Disk disk, int index, MachineSettings settings) =>
    [
        // Open already, because this user may open no file of the machine's. A set has one file: QEMU must not ask for a read-only one first.
        "-add-fd", $"fd={DiskFile(settings, index)},set={index + 1}",
        // The file is this machine's own or read-only: locking it would only fail where the file system cannot lock.
        "-drive", $"if=none,id={disk.Serial},format=raw,readonly={(disk.ReadOnly ? "on" : "off")},auto-read-only=off,cache=writeback,discard=unmap,"
            + $"file.locking=off,file=/dev/fdset/{index + 1}",
        // A guest that is told of a full disk gives up its file system for good; one that is stopped goes on as soon as there is room
        // (Supervisor/DiskWatch.cs). Any other error may never end, so the guest is told.
        "-device", $"virtio-blk-device,drive={disk.Serial},serial={disk.Serial},werror=enospc,rerror=report"
            + Place(settings, 1 + index),
    ];

    /// <summary>The number under which QEMU finds the host's kernel for the packets of a card.</summary>
    internal static int VhostFile(MachineSettings settings, int card) => FirstTapFile + settings.Cards.Count + 2 + card;

    private static IEnumerable<string> Card(MachineSettings.NetworkCard card, int index, MachineSettings settings)
    {
        string address = string.Join(':', card.HardwareAddress.Select(static b => b.ToString("x2", CultureInfo.InvariantCulture)));
        string vhost = settings.Hardware.VhostNet ? $",vhost=on,vhostfd={VhostFile(settings, index)}" : "";
        return
        [
            "-netdev", $"tap,id=net{index},fd={FirstTapFile + index}{vhost}",
            "-device", $"virtio-net-device,netdev=net{index},mac={address}"
                + Place(settings, 1 + settings.Disks.Count + index),
        ];
    }
}
