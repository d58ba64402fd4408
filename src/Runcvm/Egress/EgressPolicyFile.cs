using Runcvm.Syntax;

namespace Runcvm.Egress;

/// <summary>A policy that the host's administrator has given a name: NAME.toml with the lists <c>allow</c> and
/// <c>deny</c>.</summary>
internal static class EgressPolicyFile
{
    /// <summary>Where they are; only root writes there.</summary>
    internal const string Folder = "/etc/runcvm/egress.d";

    private const int MostCharacters = 64;

    /// <summary>The same policy as rules; null where there is none of that name.</summary>
    /// <param name="name">letters, digits, - and _, so that it is a file in the folder</param>
    /// <param name="folder">where it is looked for</param>
    internal static OptionText? TryRead(string name, string folder = Folder)
    {
        if (name.Length > MostCharacters
            || !name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) return null;
        string path = Path.Combine(folder, name + ".toml");
        if (!File.Exists(path)) return null;
        var rules = new List<string>();
        foreach (ConfigLine line in ConfigLine.ReadAll(File.ReadAllText(path), path))
        {
            if (line.Key is not ("allow" or "deny")) throw new UsageException(
                $"{line.Where} is neither allow nor deny");
            foreach (string rule in line.List())
            {
                if (rule.AsSpan().ContainsAny(';', '=')) throw new UsageException(
                    $"{line.Where} has '{rule}', which is not one rule");
                rules.Add($"{line.Key}={rule}");
            }
        }

        return new OptionText(path, string.Join(';', rules) is { Length: > 0 } text ? text : "allow=");
    }
}
