using System.Net;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Network;

/// <summary>What the packet filter of the shared namespace must know of a machine. By the host's own iptables, whichever of
/// its two kinds that is, because a rule of the other kind could not undo what Docker's rules drop.</summary>
internal static class AddressTranslation
{
    /// <param name="slot">the machine's; of IPv6 as well where it says so</param>
    /// <param name="iptablesRestore">the host's program, beside which the one for IPv6 lies</param>
    internal static void Add(UplinkSlot slot, string iptablesRestore)
    {
        foreach (bool ipv6 in Families(slot))
        {
            if (Run(iptablesRestore, ipv6, Rules(slot, ipv6, "-I", " 1")) is { } failure)
                throw new UsageException($"the addresses of the host could not be shared with the machine: {Name(ipv6)} says '{failure}'");
        }
    }

    /// <summary>Takes each rule away that is there. Nothing is wrong with one that is not: somebody flushed it.</summary>
    internal static void Remove(UplinkSlot slot, string iptablesRestore)
    {
        foreach (bool ipv6 in Families(slot))
        {
            // The program stops at the first rule that it does not find, so they go one by one if they do not go together.
            if (Run(iptablesRestore, ipv6, Rules(slot, ipv6, "-D", "")) == null) continue;
            foreach ((string table, string rule) in All(slot, ipv6)) _ = Run(iptablesRestore, ipv6, $"*{table}\n-D {rule}\nCOMMIT\n");
        }
    }

    /// <summary>Whether the host has the program for IPv6.</summary>
    internal static bool HasIPv6(string iptablesRestore) => File.Exists(Program(iptablesRestore, ipv6: true));

    internal static string Rules(UplinkSlot slot, bool ipv6, string action, string position)
    {
        var text = new StringBuilder();
        foreach (IGrouping<string, (string Table, string Rule)> table in All(slot, ipv6).GroupBy(static item => item.Table))
        {
            text.Append('*').Append(table.Key).Append('\n');
            foreach ((_, string rule) in table)
            {
                int chain = rule.IndexOf(' ', StringComparison.Ordinal);
                text.Append(action).Append(' ').Append(rule.AsSpan(0, chain)).Append(position).Append(rule.AsSpan(chain)).Append('\n');
            }

            text.Append("COMMIT\n");
        }

        return text.ToString();
    }

    private static bool[] Families(UplinkSlot slot) => slot.HasIPv6 ? [false, true] : [false];

    private static IEnumerable<(string Table, string Rule)> All(UplinkSlot slot, bool ipv6)
    {
        yield return ("filter", $"FORWARD -o {slot.OuterDevice} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
        yield return ("filter", $"FORWARD -i {slot.OuterDevice} -j ACCEPT");
        // Docker's own answers over IPv4 only.
        (ushort udp, ushort tcp) = ipv6 ? default : EngineNameserver.Ports();
        string toNameserver = $"PREROUTING -i {slot.OuterDevice} -d {new IPAddress(slot.OuterAddress)}/32";
        if (udp != 0) yield return ("nat", $"{toNameserver} -p udp --dport 53 -j DNAT --to-destination 127.0.0.11:{udp}");
        if (tcp != 0) yield return ("nat", $"{toNameserver} -p tcp --dport 53 -j DNAT --to-destination 127.0.0.11:{tcp}");
        string machine = ipv6 ? $"{new IPAddress(slot.InnerAddress6)}/128" : $"{new IPAddress(slot.InnerAddress)}/32";
        yield return ("nat", $"POSTROUTING -s {machine} ! -o {slot.OuterDevice} -j MASQUERADE");
    }

    private static string Name(bool ipv6) => ipv6 ? "ip6tables-restore" : "iptables-restore";

    private static string Program(string iptablesRestore, bool ipv6) => Path.Combine(Path.GetDirectoryName(iptablesRestore)!, Name(ipv6));

    /// <summary>Null on success, else the program's last line.</summary>
    private static string? Run(string iptablesRestore, bool ipv6, string rules)
    {
        (SafeFileHandle read, SafeFileHandle write) = FileDescriptor.Pipe();
        using SafeFileHandle errors = read;
        using SafeFileHandle input = FileDescriptor.InMemory("rules", Encoding.UTF8.GetBytes(rules));
        FileDescriptor.Rewind(input);
        using ChildProcess child = Start();
        string[] lines = Encoding.UTF8.GetString(FileDescriptor.ReadToEnd(errors))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        ExitStatus end = child.Wait();
        return end is { Code: 0, Signal: 0 } ? null : lines.LastOrDefault() ?? $"exit code {end.Code}";

        ChildProcess Start()
        {
            // Our copy of the writing end must be closed, or the end of the output would never be seen.
            using (write)
            {
                return ChildProcess.Start(Program(iptablesRestore, ipv6), [Name(ipv6), "--noflush", "--wait"], ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"],
                    [(0, input), (1, write), (2, write)]);
            }
        }
    }
}
