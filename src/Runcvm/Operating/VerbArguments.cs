namespace Runcvm.Operating;

/// <summary>Options of a verb: <c>--name VALUE</c>, <c>--name=VALUE</c> and flags.</summary>
internal sealed class VerbArguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _flags = new(StringComparer.Ordinal);

    internal VerbArguments(string verb, string[] args, string[] values, string[] flags)
    {
        for (int i = 0; i < args.Length; i++)
        {
            int equals = args[i].IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? args[i] : args[i][..equals];
            if (equals < 0 && flags.Contains(name)) _flags.Add(name);
            else if (!values.Contains(name)) throw Unknown(verb, args[i], values, flags);
            else if (equals >= 0) _values[name] = args[i][(equals + 1)..];
            else if (++i < args.Length) _values[name] = args[i];
            else throw new UsageException($"runcvm {verb}: {name} needs a value");
        }
    }

    internal bool Has(string flag) => _flags.Contains(flag);

    /// <summary>An absolute path, or null where the option is not there.</summary>
    internal string? PathOf(string name) => _values.TryGetValue(name, out string? value) && value.Length > 0 ? Path.GetFullPath(value) : null;

    /// <summary>As it was written, or null where the option is not there.</summary>
    internal string? TextOf(string name) => _values.TryGetValue(name, out string? value) && value.Length > 0 ? value : null;

    private static UsageException Unknown(string verb, string argument, string[] values, string[] flags)
        => new($"runcvm {verb} does not know '{argument}'; it takes {string.Join(", ", values.Select(v => v + (v == "--sha256" ? " HEX" : " PATH")).Concat(flags))}");
}
