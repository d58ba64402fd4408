using Runcvm.Guest.Devices;
using Runcvm.Guest.Host;
using Runcvm.Guest.Modules;
using Runcvm.Guest.Network;
using Runcvm.Guest.Paths;
using Runcvm.Guest.Pods;
using Runcvm.Guest.Processes;
using Runcvm.Guest.Root;
using Runcvm.Guest.Shares;
using Runcvm.Guest.Talk;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Boot;

/// <summary>The machine from its first instruction in user space to its last.</summary>
internal static class GuestBoot
{
    internal static int Run()
    {
        try
        {
            var times = new BootTimes();
            times.Done("init started");
            MountKernelFileSystems();
            LocalTimer.Check();
            // It starts on another processor while this one does what comes before the workload.
            using var workload = Spawner.StartInNewNamespace();
            IReadOnlyList<string> failures = [];
            if (BootModules.Exist)
            {
                failures = BootModules.LoadAll();
                File.WriteAllText("/proc/sys/kernel/modprobe", "/sbin/modprobe");
                times.Done("modules loaded");
            }

            using var loop = new EventLoop();
            loop.Run(async () =>
            {
                await ServeAsync(loop, failures, workload, times);
                return 0;
            });
        }
        catch (Exception e)
        {
            // Nobody else can say it: the stream is not there, or was lost. The host shows the console's last lines.
            OwnDevices.WriteToKernelLog(3, e.Message);
        }

        Linux.Machine.Restart();
        return 1;
    }

    private static void MountKernelFileSystems()
    {
        MountPoint.Add("devtmpfs", "/dev", "devtmpfs", MountFlags.NoSuid, "mode=0755");
        MountPoint.Add("proc", "/proc", "proc", MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec);
        MountPoint.Add("sysfs", "/sys", "sysfs", MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec);
        Node.SetUmask(0);
        Linux.Machine.DisableCtrlAltDel();
    }

    /// <summary>Serves the host from the opening of the stream on until it takes the machine away.</summary>
    internal static async Task ServeAsync(
        EventLoop loop, IReadOnlyList<string> moduleFailures, Spawner workload, BootTimes times)
    {
        uint restored = 0;
        if (SavedPoint.IsAhead)
        {
            await SavedPoint.PassAsync(loop);
            restored = UptimeMilliseconds();
            times.Done("restored");
        }

        using AsyncFile stream = await HostStream.OpenAsync(loop);
        var multiplexer = new Multiplexer();
        var control = new ControlChannel(multiplexer.Open(0));
        Task pump = multiplexer.RunAsync(stream.ReadAsync, stream.WriteAsync);
        await control.SendAsync(Greeting.Of(UptimeMilliseconds() - restored));
        times.Done("hello sent");
        foreach (string failure in moduleFailures) await control.SendAsync(new Notice(failure));
        try
        {
            await ServeWorkloadAsync(loop, multiplexer, control, workload, times);
        }
        catch (Exception e) when (e is LinuxException or IOException or WireFormatException or InvalidDataException)
        {
            await control.SendAsync(new Failed(e.Message));
            Shutdown.UnmountAll();
        }

        await control.SendAsync(new Stopped());
        await multiplexer.FlushAsync();
        // The host ends the machine once it has read that; if it does not, the end of this process does.
        await pump;
    }

    private static async Task ServeWorkloadAsync(
        EventLoop loop, Multiplexer multiplexer, ControlChannel control, Spawner workload, BootTimes times)
    {
        Setup setup = await control.ReceiveSetupAsync();
        times.Done("set-up received");
        using var sockets = new HostSockets(loop, multiplexer, control);
        GuestRoot root = setup.IsPod
            ? PodGround.Prepare(setup, times, out NetworkCards cards, out IReadOnlyList<string> notices)
            : RootAssembly.Run(setup, times, sockets, out cards, out notices);
        using var network = new NetworkUpdate(loop, multiplexer, control, setup, cards);
        var ports = new PortReporter(loop, control, TimeSpan.FromMilliseconds(setup.PortsInterval));
        var talk = new HostTalk(loop, multiplexer, control, root, setup, workload, ports, network, sockets, times);
        talk.Pause = new HeldSession(multiplexer, control, talk, network, ports);
        // All at once, and not after one another: from the set-up on messages are looked at as they come, since what
        // follows the start of a process on its channels must find them.
        Task serving = talk.RunAsync();
        Task reporting = ports.RunAsync();
        foreach (string notice in notices) await control.SendAsync(new Notice(notice));
        // The reports go on as long as the stream: they end first only by a fault.
        await await Task.WhenAny(serving, reporting);
        await serving;
        Shutdown.UnmountAll();
    }

    private static uint UptimeMilliseconds()
    {
        string seconds = File.ReadAllText("/proc/uptime").Split(' ')[0];
        return (uint)(double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture) * 1000);
    }
}
