using System.Net;
using System.Net.Sockets;
using System.Text;
using Runcvm.Protocol.Messages;

namespace Runcvm.Sandbox;

/// <summary>The small files that engines bind into every container. They are bound into the sandbox too and read when the
/// machine starts, because Docker writes them in a hook, after `create` has read the spec.</summary>
internal static class ProvidedFiles
{
    // Docker's own nameserver answers in the container's network namespace only; the guest asks through the host, at an
    // address that inner engines hand on to their containers (they do not hand on a loopback one).
    private const string Keyword = "nameserver ";
    private const string EngineNameserver = "nameserver 127.0.0.11";
    private const string RelayNameserver = "nameserver 169.254.53.53";
    private const string ResolverConfiguration = "/etc/resolv.conf";

    private static readonly string[] Targets = ["/etc/hosts", "/etc/hostname", ResolverConfiguration, "/run/.containerenv"];

    /// <summary>Whether a bind mount at this place is one of these files.</summary>
    internal static bool Includes(string target) => Array.IndexOf(Targets, target) >= 0;

    /// <summary>Where the sandbox has it.</summary>
    internal static string InSandbox(string target) => "/etc/" + Path.GetFileName(target).TrimStart('.');

    /// <summary>The set-up with the files' content as it is now.</summary>
    /// <param name="setup">as `create` made it</param>
    /// <param name="guardsNames">names are asked for through the host, whoever is asked there</param>
    internal static Setup Fill(Setup setup, bool guardsNames)
    {
        (IReadOnlyList<byte[]> contents, bool relay) = Read(setup.Files, guardsNames);
        return setup with { Files = [.. setup.Files.Zip(contents, static (file, content) => file with { Content = content })], DnsRelay = relay };
    }

    /// <summary>The content of each as it is now, and whether names are asked for through the host.</summary>
    internal static (IReadOnlyList<byte[]> Contents, bool DnsRelay) Read(
        IReadOnlyList<GuestFile> files, bool guardsNames)
    {
        bool relay = false;
        var contents = new List<byte[]>();
        foreach (GuestFile file in files)
        {
            byte[] content = File.ReadAllBytes(InSandbox(file.Target));
            if (file.Target == ResolverConfiguration) relay = guardsNames ? RedirectAll(ref content)
                : Redirect(ref content);
            contents.Add(content);
        }

        return (contents, relay);
    }

    /// <summary>The first of the nameservers that the machine was given, where all of them are at addresses of the machine's own: what answers at
    /// the host's 127.0.0.1 does not there. Null where one may answer, or none was given.</summary>
    internal static string? UnreachableNameserver(IReadOnlyList<GuestFile> files)
    {
        if (files.FirstOrDefault(static file => file.Target == ResolverConfiguration) is not { } resolver) return null;
        string[] servers = [.. Servers(Encoding.UTF8.GetString(resolver.Content))];
        return servers.All(static server => IPAddress.TryParse(server, out IPAddress? address) && IPAddress.IsLoopback(address)) ? servers.FirstOrDefault() : null;
    }

    /// <summary>The first nameserver of IPv4 that the engine gave the machine; null where there is none.</summary>
    internal static IPAddress? Nameserver()
    {
        string file = InSandbox(ResolverConfiguration);
        if (!File.Exists(file)) return null;
        return Servers(File.ReadAllText(file))
            .Select(static server => IPAddress.TryParse(server, out IPAddress? address) ? address : null)
            .FirstOrDefault(static address => address?.AddressFamily == AddressFamily.InterNetwork);
    }

    /// <summary>Addresses of the nameservers that are asked from the container's network namespace; null where the
    /// engine does not say whom its own nameserver asks.</summary>
    internal static IReadOnlyList<byte[]>? AskedNameservers()
    {
        string file = InSandbox(ResolverConfiguration);
        return File.Exists(file) ? AskedNameservers(File.ReadAllText(file)) : [];
    }

    /// <summary>Docker says it since 25. Those at the host's loopback addresses stand there as host(…) and are asked
    /// from the host.</summary>
    internal static IReadOnlyList<byte[]>? AskedNameservers(string text)
    {
        const string Comment = "# ExtServers: [";
        string? asked = text.Split('\n').FirstOrDefault(
            static line => line.StartsWith(Comment, StringComparison.Ordinal));
        if (asked == null && text.Contains(EngineNameserver, StringComparison.Ordinal)) return null;
        IEnumerable<string> others = asked == null ? []
            : asked[Comment.Length..].TrimEnd().TrimEnd(']').Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return [.. Servers(text).Concat(others)
            .Select(static server => IPAddress.TryParse(server, out IPAddress? address) ? address : null)
            .OfType<IPAddress>().Where(static address => !IPAddress.IsLoopback(address))
            .Select(static address => address.GetAddressBytes())];
    }

    private static IEnumerable<string> Servers(string text)
        => text.Split('\n').Where(IsServer).Select(static line => line[Keyword.Length..].Trim());

    private static bool IsServer(string line) => line.StartsWith(Keyword, StringComparison.Ordinal);

    internal static bool RedirectAll(ref byte[] content)
    {
        IEnumerable<string> others = Encoding.UTF8.GetString(content).Split('\n').Where(static line => !IsServer(line));
        content = Encoding.UTF8.GetBytes(string.Join('\n', [RelayNameserver, .. others]));
        return true;
    }

    private static bool Redirect(ref byte[] content)
    {
        string text = Encoding.UTF8.GetString(content);
        if (!text.Contains(EngineNameserver, StringComparison.Ordinal)) return false;
        content = Encoding.UTF8.GetBytes(text.Replace(EngineNameserver, RelayNameserver, StringComparison.Ordinal));
        return true;
    }
}
