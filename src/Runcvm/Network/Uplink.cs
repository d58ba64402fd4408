using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Netlink;
using Runcvm.Linux.Processes;

namespace Runcvm.Network;

/// <summary>How a machine takes part in a namespace that is not its own: the host's (`--network host`) or another container's
/// (`--network container:…`). It must not take that namespace's packets away, so it has a namespace beside it, a cable into
/// it, and goes out under its addresses; <see cref="SharedPorts"/> is the way in.</summary>
internal static class Uplink
{
    private const string OwnNamespace = "/proc/thread-self/ns/net";

    /// <summary>Makes the machine's namespace and connects it.</summary>
    /// <param name="machine">its key</param>
    /// <param name="shared">path of the namespace to take part in; null is the host's, in which this process must be</param>
    /// <param name="iptablesRestore">the host's program</param>
    /// <returns>path of the machine's namespace, and sockets of the shared one to listen with</returns>
    internal static (string Namespace, IReadOnlyList<SafeFileHandle> Sockets) Make(
        string machine, string? shared, string iptablesRestore)
    {
        UplinkSlot slot = UplinkSlot.Take(machine);
        try
        {
            return (slot.Inner, OnThreadOfItsOwn(() => Connect(slot, shared, iptablesRestore)));
        }
        catch
        {
            using SafeFileHandle turn = UplinkSlot.LockAll();
            Remove(slot, iptablesRestore);
            throw;
        }
    }

    /// <summary>Takes away all that is left of machines that are gone.</summary>
    /// <param name="isGone">tells it by the machine's key</param>
    /// <param name="iptablesRestore">finds the host's program; asked only if there is something to remove</param>
    internal static void RemoveWhere(Func<string, bool> isGone, Func<string> iptablesRestore)
    {
        if (!UplinkSlot.Taken().Any()) return;
        using SafeFileHandle turn = UplinkSlot.LockAll();
        foreach (UplinkSlot slot in UplinkSlot.Taken())
        {
            // Without an owner it is being claimed at this moment.
            if (slot.Owner is { Length: > 0 } owner && isGone(owner)) Remove(slot, iptablesRestore());
        }
    }

    private static void Remove(UplinkSlot slot, string iptablesRestore)
    {
        OnThreadOfItsOwn(() =>
        {
            if (File.Exists(slot.Outer) && !TryEnter(slot.Outer)) return true;
            using var netlink = new RouteNetlink();
            if (netlink.FindLink(slot.OuterDevice) is { } link) netlink.Remove(link);
            AddressTranslation.Remove(slot, iptablesRestore);
            return true;
        });
        Release(slot.Outer);
        Release(slot.Inner);
        slot.Release();
    }

    private static IReadOnlyList<SafeFileHandle> Connect(UplinkSlot slot, string? shared, string iptablesRestore)
    {
        if (shared != null)
        {
            Enter(shared);
            Keep(slot.Outer);
        }

        using SafeFileHandle outer = FileDescriptor.Open(OwnNamespace, OpenFlags.ReadOnly);
        using var outerLinks = new RouteNetlink();
        Check(outerLinks, shared);
        uint mtu = Mtu(outerLinks);
        CurrentProcess.Unshare(Namespaces.Network);
        Keep(slot.Inner);
        using SafeFileHandle inner = FileDescriptor.Open(OwnNamespace, OpenFlags.ReadOnly);
        using var innerLinks = new RouteNetlink();

        CurrentProcess.Enter(outer, Namespaces.Network);
        outerLinks.AddVeth(slot.OuterDevice, UplinkSlot.InnerDevice, inner, mtu);
        Link plug = Configure(outerLinks, slot.OuterDevice, slot.OuterAddress);
        Link card = Configure(innerLinks, UplinkSlot.InnerDevice, slot.InnerAddress);
        innerLinks.SetUp(innerLinks.FindLink("lo")!);
        AddDefaultRoute(innerLinks, card, slot.OuterAddress);
        if (ForwardsIPv6(slot) && AddressTranslation.HasIPv6(iptablesRestore))
        {
            slot.HasIPv6 = true;
            outerLinks.AddAddress(plug, slot.OuterAddress6, UplinkSlot.PrefixLength6, 0);
            innerLinks.AddAddress(card, slot.InnerAddress6, UplinkSlot.PrefixLength6, 0);
            AddDefaultRoute(innerLinks, card, slot.OuterAddress6);
        }

        // So that Docker's nameserver, which is at a loopback address, can answer.
        if (shared != null) File.WriteAllText($"/proc/sys/net/ipv4/conf/{slot.OuterDevice}/route_localnet", "1");
        AddressTranslation.Add(slot, iptablesRestore);
        return SharedPorts.MakeAll();
    }

    private static void AddDefaultRoute(RouteNetlink netlink, Link card, byte[] gateway)
        => netlink.AddRoute(card, new LinkRoute(card.Index, new byte[gateway.Length], 0, gateway, 0, RouteOrigin.Boot, 0, false));

    /// <summary>Nobody switches that on for a machine: a host that forwards no longer listens to its routers.</summary>
    private static bool ForwardsIPv6(UplinkSlot slot)
        => IsSet("all/forwarding", "1") && IsSet($"{slot.OuterDevice}/disable_ipv6", "0");

    private static bool IsSet(string name, string value)
    {
        string path = "/proc/sys/net/ipv6/conf/" + name;
        return File.Exists(path) && File.ReadAllText(path).Trim() == value;
    }

    private static Link Configure(RouteNetlink netlink, string name, byte[] address)
    {
        Link link = netlink.FindLink(name) ?? throw new InvalidOperationException($"the interface {name} is gone");
        netlink.TryDisableAddressGeneration(link);
        netlink.AddAddress(link, address, UplinkSlot.PrefixLength, 0);
        netlink.SetUp(link);
        return link;
    }

    private static void Check(RouteNetlink netlink, string? shared)
    {
        // A tap is how a machine's namespace is known; its packets are that machine's already. The host's own taps are none of ours.
        if (shared != null && netlink.Links().Exists(static link => link.Kind == "tun" && link.Name == "tap0"))
            throw new UsageException("two machines cannot share one network namespace; put both on one user-defined network, or run one of them with --runtime=runc");
        if (File.ReadAllText("/proc/sys/net/ipv4/ip_forward").Trim() == "1") return;
        throw new UsageException(shared == null
            ? "--network host needs a host that forwards packets for its machines, which Docker switches on unless it was told not to: sysctl -w net.ipv4.ip_forward=1"
            : "--network container:… needs forwarding in that container; start it with --sysctl net.ipv4.ip_forward=1");
    }

    /// <summary>That of the way out, so that nothing has to be cut to pieces there.</summary>
    private static uint Mtu(RouteNetlink netlink)
    {
        const uint Ethernet = 1500;
        LinkRoute? way = netlink.Routes().Where(static route => route.PrefixLength == 0 && !route.IsIPv6).MinBy(static route => route.Metric);
        return netlink.Links().Find(link => link.Index == way?.LinkIndex)?.Mtu ?? Ethernet;
    }

    private static void Enter(string path)
    {
        using SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadOnly);
        CurrentProcess.Enter(file, Namespaces.Network);
    }

    // False where it was not kept, or is not any more: what was in it has gone with it.
    private static bool TryEnter(string path)
    {
        try
        {
            Enter(path);
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            return false;
        }
    }

    private static void Keep(string path)
    {
        File.WriteAllBytes(path, []);
        MountPoint.Bind(OwnNamespace, path);
    }

    private static void Release(string path)
    {
        if (!File.Exists(path)) return;
        if (MountInfo.ReadAll().Any(mount => mount.Target == path)) MountPoint.Remove(path, detach: true);
        File.Delete(path);
    }

    /// <summary>Namespaces are a thread's: this one ends in whichever it was left.</summary>
    private static T OnThreadOfItsOwn<T>(Func<T> action)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = action();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }
}
