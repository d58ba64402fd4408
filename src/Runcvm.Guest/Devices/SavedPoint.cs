using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Protocol;

namespace Runcvm.Guest.Devices;

/// <summary>Where a machine without devices is saved, and where each one goes on that is restored from it. Nothing has
/// used the random generator by then, nobody has read the boot's id, and nothing waits for a time but this.</summary>
internal static class SavedPoint
{
    private const string Driver = "/sys/bus/platform/drivers/virtio-mmio/bind";

    // What a restored machine waits for at most. Nothing tells a guest that it was restored but its devices.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(2);

    /// <summary>Whether this machine shall be saved.</summary>
    internal static bool IsAhead { get; } = Directory.Exists("/" + SavedGuest.Mark);

    /// <summary>Says that it is ready, waits until it is another machine, and takes over the devices of that.</summary>
    internal static async Task PassAsync(EventLoop loop)
    {
        OwnDevices.WriteToKernelLog(3, SavedGuest.Words);
        // Its devices are in the first places, the stream's in the very first.
        while (!TryBind(0)) await loop.DelayAsync(Interval);
        for (int place = 1; place < SavedGuest.Places && TryBind(place); place++)
        {
        }
    }

    // The driver looks at the place, and refuses one without a device.
    private static bool TryBind(int place)
    {
        using SafeFileHandle bind = FileDescriptor.Open(Driver, OpenFlags.WriteOnly);
        try
        {
            FileDescriptor.WriteAll(bind, Encoding.ASCII.GetBytes($"{SavedGuest.PlaceKind}:{place:x2}"));
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            return false;
        }
    }
}
