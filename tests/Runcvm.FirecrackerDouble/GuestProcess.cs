using System.Globalization;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol;

namespace Runcvm.FirecrackerDouble;

/// <summary>The guest, run by QEMU's `microvm` under TCG, with vsock by vhost-device-vsock, whose Unix sockets are those of Firecracker.</summary>
internal sealed class GuestProcess : IDisposable
{
    private const int LastSlot = 23;
    private const int MonitorFile = 3;
    private const string Helper = "vhost-device-vsock";

    /// <summary>Bytes. With its usual 64 KiB a connection stands still for ever once that much waits for a slow reader
    /// (rust-vmm/vhost-device, issue 494).</summary>
    private const int TransmitBuffer = 4 * 1024 * 1024;

    // Ends with this process, however that ends: what it starts must not outlive it.
    private static readonly string[] Bound = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"];

    private readonly ChildProcess? _vsock;
    private readonly string[] _sockets;
    private readonly Balloon _balloon;
    private readonly GuestConsole _console;

    private GuestProcess(EventLoop loop, ChildProcess qemu, GuestConsole console, Balloon balloon, ChildProcess? vsock, string[] sockets)
    {
        Qemu = qemu;
        _console = console;
        _balloon = balloon;
        _vsock = vsock;
        _sockets = sockets;
        Exited = AsyncFile.WaitForExitAsync(loop, qemu);
    }

    internal ChildProcess Qemu { get; }

    internal Task<ExitStatus> Exited { get; }

    internal static async Task<GuestProcess> StartAsync(EventLoop loop, MachineModel machine)
    {
        CheckKernel(MachineModel.Text(machine.BootSource!.Value, "kernel_image_path")!);
        string? vhost = null;
        string[] sockets = [];
        ChildProcess? vsock = null;
        if (machine.Vsock is { } device)
        {
            string path = MachineModel.Text(device, "uds_path")!;
            vhost = path + ".vhost";
            sockets = [path, vhost];
            using var errors = new SafeFileHandle(2, false);
            vsock = Run(Find(Helper), ["--vm", $"guest-cid={MachineModel.Number(device, "guest_cid")},socket={vhost},uds-path={path},tx-buffer-size={TransmitBuffer}"], errors, []);
            while (!File.Exists(vhost)) await loop.DelayAsync(TimeSpan.FromMilliseconds(5));
        }

        (SafeFileHandle ours, SafeFileHandle theirs) = UnixSocket.Pair();
        (SafeFileHandle said, SafeFileHandle serial) = FileDescriptor.Pipe();
        using (theirs)
        using (serial)
        {
            ChildProcess qemu = Run(Find("qemu-system-x86_64"), QemuArguments(machine, vhost), serial, [(MonitorFile, theirs)]);
            return new GuestProcess(loop, qemu, new GuestConsole(loop, said), new Balloon(AsyncFile.NonBlocking(loop, ours), machine.Memory), vsock, sockets);
        }
    }

    /// <summary>Whether a guest that has ended gave up because its kernel measured its timer badly, which happens under TCG alone.</summary>
    internal Task<bool> HadBadTimerAsync() => _console.EndsWithAsync(BadTimer.Words);

    /// <summary>`PATCH /balloon`: so much of its memory the guest gives back.</summary>
    internal Task SetBalloonAsync(long mebibytes) => _balloon.SetAsync(mebibytes);

    public void Dispose()
    {
        _balloon.Dispose();
        _console.Dispose();
        Qemu.Dispose();
        if (_vsock == null) return;
        _vsock.Kill(SignalNumber.Kill);
        _vsock.Wait();
        _vsock.Dispose();
        foreach (string socket in _sockets) File.Delete(socket);
    }

    internal static List<string> QemuArguments(MachineModel machine, string? vhost)
    {
        JsonElement boot = machine.BootSource!.Value;
        // Firecracker's guests find devices in the order of the configuration. QEMU announces the last slot first.
        int slot = LastSlot;
        List<string> arguments =
        [
            "-M", "microvm,x-option-roms=off,isa-serial=on,rtc=on,memory-backend=ram", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
            "-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max,-erms,-fsrm", "-smp", machine.Cpus.ToString(CultureInfo.InvariantCulture), "-m", $"{machine.Memory}",
            "-object", $"memory-backend-memfd,id=ram,size={machine.Memory}M,share=on{(machine.HugePages == "2M" ? ",hugetlb=on,hugetlbsize=2M" : "")}",
            "-bios", "qboot.rom", "-kernel", MachineModel.Text(boot, "kernel_image_path")!,
            "-append", MachineModel.Text(boot, "boot_args") ?? "",
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", $"socket,id=monitor,fd={MonitorFile}", "-mon", "chardev=monitor,mode=control",
        ];
        if (MachineModel.Text(boot, "initrd_path") is { } initrd) arguments.AddRange(["-initrd", initrd]);
        if (machine.Balloon != null) arguments.AddRange(["-device", $"virtio-balloon-device,bus=virtio-mmio-bus.{slot--},deflate-on-oom=on"]);
        foreach (JsonElement drive in machine.Drives)
        {
            string id = MachineModel.Text(drive, "drive_id")!;
            string path = MachineModel.Text(drive, "path_on_host")!;
            string readOnly = drive.GetProperty("is_read_only").GetBoolean() ? "on" : "off";
            string cache = MachineModel.Text(drive, "cache_type") == "Writeback" ? "writeback" : "unsafe";
            arguments.AddRange(
            [
                "-drive", $"if=none,id={id},format=raw,readonly={readOnly},cache={cache},file.locking=off,file={path.Replace(",", ",,", StringComparison.Ordinal)}",
                "-device", $"virtio-blk-device,bus=virtio-mmio-bus.{slot--},drive={id},serial={Serial(path)},werror=report",
            ]);
        }

        foreach (JsonElement network in machine.Networks)
        {
            string id = MachineModel.Text(network, "iface_id")!;
            string mac = MachineModel.Text(network, "guest_mac") is { } address ? $",mac={address}" : "";
            arguments.AddRange(
            [
                "-netdev", $"tap,id={id},ifname={MachineModel.Text(network, "host_dev_name")},script=no,downscript=no",
                "-device", $"virtio-net-device,bus=virtio-mmio-bus.{slot--},netdev={id}{mac}",
            ]);
        }

        if (vhost != null)
            arguments.AddRange(["-chardev", $"socket,id=vsock,path={vhost}", "-device", $"vhost-user-vsock-device,bus=virtio-mmio-bus.{slot--},chardev=vsock"]);
        if (machine.Entropy) arguments.AddRange(["-device", $"virtio-rng-device,bus=virtio-mmio-bus.{slot}"]);
        return arguments;
    }

    // Firecracker makes it of the file's device and inode, so that nothing can rely on drive ids.
    private static string Serial(string path)
    {
        FileStatus status = FileStatus.TryOf(path, followLinks: true) ?? throw new LinuxException(Errno.ENOENT, path);
        string text = $"{status.FileSystem}{status.SpecialDevice}{status.Inode}";
        return text.Length > 20 ? text[..20] : text;
    }

    private static void CheckKernel(string path)
    {
        Span<byte> start = stackalloc byte[4];
        using FileStream file = File.OpenRead(path);
        if (file.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && start.SequenceEqual<byte>([0x7F, (byte)'E', (byte)'L', (byte)'F'])) return;
        throw new FaultException(
            "Failed to build MicroVM from Json: Could not Start MicroVM from one single json: System configuration error: Cannot load kernel due to invalid "
            + "memory configuration or invalid kernel image: Kernel Loader: failed to load ELF kernel image");
    }

    private static string Find(string program)
    {
        string[] folders = ["/usr/local/lib/runcvm-tests", "/usr/local/bin", "/usr/bin"];
        return folders.Select(folder => $"{folder}/{program}").FirstOrDefault(File.Exists)
            ?? throw new FaultException($"the test double of Firecracker needs {program} in {string.Join(", ", folders)}");
    }

    private static ChildProcess Run(string program, IReadOnlyList<string> arguments, SafeFileHandle output, (int, SafeFileHandle)[] files)
    {
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        using var errors = new SafeFileHandle(2, false);
        return ChildProcess.Start(Bound[0], [.. Bound, program, .. arguments], [], [(0, nothing), (1, output), (2, errors), .. files]);
    }
}
