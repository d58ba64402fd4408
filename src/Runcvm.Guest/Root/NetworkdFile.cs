using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Root;

/// <summary>Tells systemd-networkd to leave the machine's interfaces alone. In images made for virtual machines it asks
/// for addresses by DHCP, which no engine answers, and takes away those that the engine gave. A file of the same name
/// in <c>/etc/systemd/network</c> stands above this one; see systemd.network(5).</summary>
internal static class NetworkdFile
{
    private const string Place = "/run/systemd/network/00-runcvm.network";

    /// <summary>Writes it where systemd will find an empty /run.</summary>
    internal static void Provide(GuestRoot root, Setup setup)
    {
        if (!setup.Systemd || !setup.Mounts.Any(static mount => mount is { Target: "/run", Type: "tmpfs" })) return;
        using SafeFileHandle file = root.FileAt(Place);
        File.WriteAllText(FileDescriptor.PathOf(file), Text(setup.Interfaces.Select(static item => item.Name)));
    }

    /// <param name="names">of interfaces that are there; engines call later ones eth1, eth2 and so on</param>
    internal static string Text(IEnumerable<string> names) => $"""
        # The container engine has set these up; written by RunCVM.
        [Match]
        Name={string.Join(' ', names.Where(IsPlain).Append("eth[0-9]"))}

        [Link]
        Unmanaged=yes

        """;

    // Other names could be taken for patterns.
    private static bool IsPlain(string name)
        => name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
}
