using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Netlink;
using Runcvm.Linux.Processes;

namespace Runcvm.Guest.Network;

/// <summary>Network cards that no interface of the container has: they wait in a network namespace of their own, where the
/// workload, which has no interface for them either, does not see them.</summary>
internal sealed class SpareCards : IDisposable
{
    private const string OwnNamespace = "/proc/thread-self/ns/net";

    private readonly SafeFileHandle _workload = FileDescriptor.Open(OwnNamespace, OpenFlags.ReadOnly);
    private SafeFileHandle _spare = null!;
    private RouteNetlink _netlink = null!;

    internal SpareCards()
    {
        // Namespaces are a thread's: this one's is kept by the files that it opens.
        var thread = new Thread(() =>
        {
            CurrentProcess.Unshare(Namespaces.Network);
            _spare = FileDescriptor.Open(OwnNamespace, OpenFlags.ReadOnly);
            _netlink = new RouteNetlink();
        });
        thread.Start();
        thread.Join();
    }

    /// <summary>Takes a card out of the workload's sight.</summary>
    internal void Put(RouteNetlink netlink, Link link, int card)
    {
        if ((link.Flags & LinkFlags.Up) != 0) netlink.SetDown(link);
        netlink.Move(netlink.Rename(link, Name(card)), _spare);
    }

    /// <summary>Brings one back, down and under a name of ours.</summary>
    internal Link Take(RouteNetlink netlink, int card)
    {
        Link spare = _netlink.FindLink(Name(card)) ?? throw new LinuxException(Errno.ENODEV, $"find network card {card}");
        _netlink.Move(spare, _workload);
        return netlink.FindLink(spare.Name) ?? throw new LinuxException(Errno.ENODEV, $"find network card {card} again");
    }

    public void Dispose()
    {
        _netlink.Dispose();
        _spare.Dispose();
        _workload.Dispose();
    }

    private static string Name(int card) => string.Create(CultureInfo.InvariantCulture, $"spare{card}");
}
