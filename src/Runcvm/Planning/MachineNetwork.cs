using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Images;
using Runcvm.Linux;
using Runcvm.Linux.Bpf;
using Runcvm.Linux.Netlink;
using Runcvm.Network;
using Runcvm.Oci;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Planning;

/// <summary>Namespaces that a machine shares: joined by `create`, left by `delete`.</summary>
internal static class MachineNetwork
{
    /// <summary>If the spec names a namespace that is not the container's own, it gets one beside it.</summary>
    /// <returns>sockets of the shared namespace to hand on, or none</returns>
    internal static IReadOnlyList<SafeFileHandle> Join(JsonObject spec, NetworkChoice choice, string machine)
    {
        if (!choice.IsShared) return [];
        RemoveLeftOvers();
        (string path, IReadOnlyList<SafeFileHandle> sockets) =
            Uplink.Make(machine, choice.Path, Tool.Find("iptables-restore", "iptables"));
        NetworkChoice.Set(spec, path);
        return sockets;
    }

    /// <summary>Loads policies into the kernel. They go with the last copy of these files, and with the filters that
    /// they become.</summary>
    internal static IEnumerable<SafeFileHandle> Load(IReadOnlyList<EgressPolicy> policies, MachineFolder folder)
    {
        if (policies.Count == 0) return [];
        IReadOnlyList<AddressPrefix> host = HostAddresses();
        EgressPrograms[] loaded = [.. policies.Select(policy => EgressPrograms.Load(policy, host))];
        MachineFolder.WriteSecret(folder.Egress, WireBytes.Of(new LoadedPolicies(
            [.. policies.Zip(loaded, (policy, programs) => new LoadedPolicy(
                policy.Text, policy.Source, policy.Origin, LoadedProgram.Of(programs.Decide))
                {
                    Contents = EgressContents.Of(new EgressTables(policy, host)),
                })])));
        return [.. loaded.SelectMany(static programs => programs.All)];
    }

    /// <summary>What is not the internet's.</summary>
    internal static IReadOnlyList<AddressPrefix> HostAddresses()
    {
        using var netlink = new RouteNetlink();
        return [.. netlink.Addresses().Select(static item => AddressPrefix.Of(item.Address))];
    }

    /// <summary>Takes away what is left of machines whose state folder is gone, however they ended. What cannot be taken away now is tried
    /// again by the next call: neither another machine's start nor any container's end may depend on it.</summary>
    internal static void RemoveLeftOvers()
    {
        try
        {
            Uplink.RemoveWhere(static machine => !MachineFolder.OfKey(machine).IsThere,
                static () => Tool.Find("iptables-restore", "iptables"));
        }
        catch (Exception e) when (e is UsageException or LinuxException or IOException or UnauthorizedAccessException)
        {
            Journal.Write(Journal.Error, $"what machines left in shared networks could not be removed: {Reason.Of(e)}", [("RUNCVM_EVENT", "leftover")]);
        }
    }
}
