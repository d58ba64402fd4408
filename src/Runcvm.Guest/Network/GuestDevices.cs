using Runcvm.Linux;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>Which of the machine's network devices becomes which of the container's interfaces.</summary>
internal static class GuestDevices
{
    /// <summary>Finds a device for each interface and gives it its name. By MAC address where one has it, else in the
    /// kernel's order: a machine restored from a snapshot has the MAC addresses of the one that was saved.</summary>
    internal static Link[] Assign(RouteNetlink netlink, List<Link> devices, IReadOnlyList<NetworkInterface> interfaces)
    {
        var free = new List<Link>(devices);
        Link[] assigned = Match(free, interfaces);
        // Only an interface that is down takes a new name or MAC address.
        foreach (Link link in assigned)
        {
            if ((link.Flags & LinkFlags.Up) != 0) netlink.SetDown(link);
        }

        Rename(netlink, assigned, free, interfaces);
        return assigned;
    }

    /// <summary>Takes the assigned devices out of <paramref name="free"/>.</summary>
    internal static Link[] Match(List<Link> free, IReadOnlyList<NetworkInterface> interfaces)
    {
        var assigned = new Link?[interfaces.Count];
        for (int i = 0; i < assigned.Length; i++)
        {
            byte[] wanted = interfaces[i].HardwareAddress;
            assigned[i] = Take(free, free.FindIndex(link => link.HardwareAddress.AsSpan().SequenceEqual(wanted)));
        }

        var result = new Link[interfaces.Count];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = assigned[i] ?? Take(free, free.Count > 0 ? 0 : -1)
                ?? throw new LinuxException(Errno.ENODEV, $"find a network device for {interfaces[i].Name}");
        }

        return result;
    }

    private static Link? Take(List<Link> free, int index)
    {
        if (index < 0) return null;
        Link link = free[index];
        free.RemoveAt(index);
        return link;
    }

    private static void Rename(
        RouteNetlink netlink, Link[] assigned, List<Link> others, IReadOnlyList<NetworkInterface> interfaces)
    {
        // Out of each other's way first: two devices may have to swap their names.
        foreach (Link other in others)
        {
            if (IsWanted(other.Name, interfaces)) netlink.Rename(other, $"spare{other.Index}");
        }

        for (int i = 0; i < assigned.Length; i++)
        {
            if (assigned[i].Name != interfaces[i].Name) assigned[i] = netlink.Rename(assigned[i], $"moving{assigned[i].Index}");
        }

        for (int i = 0; i < assigned.Length; i++)
        {
            if (assigned[i].Name != interfaces[i].Name) assigned[i] = netlink.Rename(assigned[i], interfaces[i].Name);
        }
    }

    private static bool IsWanted(string name, IReadOnlyList<NetworkInterface> interfaces)
    {
        foreach (NetworkInterface one in interfaces)
        {
            if (one.Name == name) return true;
        }

        return false;
    }
}
