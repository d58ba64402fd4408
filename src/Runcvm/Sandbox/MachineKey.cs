using Runcvm.HostFiles;
using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>The name of a machine's state folder. A container's id is its own below one root of the low-level runtime
/// only (`--root`): two namespaces of containerd may each have a container of that id. So what engines give as the root
/// is part of the name.</summary>
internal static class MachineKey
{
    // No id holds this character.
    private const char BeforeRoot = '@';
    private const int RootDigits = 16;

    /// <summary>The id, and behind it, where the container is below another root than the default one, what tells that
    /// root.</summary>
    /// <param name="id">the container's</param>
    /// <param name="root">what `--root` says, or null without it</param>
    /// <param name="defaultRoot">gives the low-level runtime's own; asked only where `--root` is given</param>
    internal static string Of(string id, string? root, Func<string> defaultRoot)
    {
        // The id becomes part of a path that is deleted later: runc's own rule for ids, without the names that begin
        // with a dot, which are RunCVM's own beside the machines.
        if (!IsId(id))
            throw new UsageException(
                $"'{id}' is no container id: letters, digits and _+-. only, and no dot at the beginning");
        if (root == null) return id;
        string path = Canonical(root);
        return path == Canonical(defaultRoot()) ? id : $"{id}{BeforeRoot}{Sha256.Hex(path)[..RootDigits]}";
    }

    /// <summary>The container's id in a key.</summary>
    internal static string IdIn(string key) => key.Split(BeforeRoot, 2)[0];

    internal static bool IsKey(string text)
        => text.Split(BeforeRoot) is [var id, .. var roots] && IsId(id)
        && roots is [] or [{ Length: RootDigits }] && roots.All(static digits => digits.All(char.IsAsciiHexDigitLower));

    // /var/run and /run are one place, and the root itself may not be there yet.
    private static string Canonical(string root)
    {
        string path = Path.GetFullPath(root).TrimEnd('/');
        string rest = "";
        while (path.Length > 1)
        {
            if (RealPath.Of(path) is { } there) return there.TrimEnd('/') + rest;
            rest = "/" + Path.GetFileName(path) + rest;
            path = Path.GetDirectoryName(path)!;
        }

        return rest;
    }

    private static bool IsId(string text)
        => text.Length is > 0 and <= 1024 && text[0] != '.'
            && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '+' or '-' or '.');
}
