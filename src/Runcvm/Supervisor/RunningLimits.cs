using Runcvm.Linux;
using Runcvm.Machines;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>Limits that change while the machine runs, as far as they are the guest's matter.</summary>
/// <param name="machine">has the balloon</param>
/// <param name="link">to the guest</param>
/// <param name="description">how it was started</param>
/// <param name="workloadStarted">before that the guest does not listen</param>
internal sealed class RunningLimits(IMachine machine, GuestLink link, MachineDescription description, Task workloadStarted)
{
    private long _mebibytes = description.Hardware.MemoryMebibytes;

    /// <summary>The hypervisor takes its orders from the host, and its guest only what concerns the driver.</summary>
    internal bool OthersMoveTheBalloon => description.Hardware.Balloon && machine is not IBalloon;

    /// <summary>Takes back what the guest shall not have from the start. Why not, or nothing.</summary>
    internal Task<string> BeginAsync()
        => description.Hardware.BalloonMebibytes > 0 ? SetAsync(new SetLimits(_mebibytes - description.Hardware.BalloonMebibytes, 0)) : Task.FromResult("");

    /// <summary>Why not, or nothing.</summary>
    internal async Task<string> SetAsync(SetLimits limits)
    {
        await workloadStarted;
        if (limits.ProcessLimit != 0 && !description.CountsProcesses)
            return "a machine that was started without --pids-limit counts no processes; start it with one to be able to change it";
        // Engines repeat the limits that they do not change.
        bool resizes = limits.MemoryMebibytes > 0 && limits.MemoryMebibytes != _mebibytes;
        await link.SendAsync(new Adjust(0, resizes, limits.ProcessLimit));
        if (!resizes || !description.Hardware.Balloon || machine is not IBalloon balloon) return "";
        try
        {
            await balloon.SetMemoryAsync(limits.MemoryMebibytes);
            _mebibytes = limits.MemoryMebibytes;
            return "";
        }
        catch (Exception e) when (e is UsageException or LinuxException or ObjectDisposedException)
        {
            return Reason.Of(e);
        }
    }
}
