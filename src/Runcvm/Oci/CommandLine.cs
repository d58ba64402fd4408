namespace Runcvm.Oci;

/// <summary>The OCI command line as engines call it: `runcvm [global flags] VERB [flags] ID`. Only what this program needs
/// is understood; everything is kept for the low-level runtime.</summary>
internal sealed record CommandLine
{
    // Of runc and of crun. Whichever is missing here would have its value taken for the verb, and the container started
    // without a machine.
    private static readonly string[] GlobalFlagsWithValue = ["--root", "--log", "--log-format", "--log-level", "--criu", "--rootless", "--cgroup-manager"];

    internal required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>Position of the verb in <see cref="Arguments"/>, or -1.</summary>
    internal required int VerbIndex { get; init; }

    /// <summary>Flags stand before the verb, as engines call a runtime and people do not.</summary>
    internal bool HasGlobalFlags => VerbIndex > 0;

    internal string Verb => VerbIndex < 0 ? "" : Arguments[VerbIndex];

    internal IReadOnlyList<string> AfterVerb => [.. Arguments.Skip(VerbIndex + 1)];

    /// <summary>Where errors are to be written, or null.</summary>
    internal string? LogFile => GlobalValue("--log");

    /// <summary>"json" or "text"</summary>
    internal string LogFormat => GlobalValue("--log-format") ?? "text";

    /// <summary>The engine wants no cgroups: crun, and Podman's <c>--cgroups=disabled</c>.</summary>
    internal bool HasNoCgroups => GlobalValue("--cgroup-manager") == "disabled";

    /// <summary>Where the low-level runtime keeps what it knows of its containers, or null where that is not
    /// said.</summary>
    internal string? Root => GlobalValue("--root");

    /// <summary>Another verb for a container, under the same global flags.</summary>
    internal IReadOnlyList<string> With(string verb, string id) => [.. Arguments.Take(VerbIndex), verb, id];

    internal static CommandLine Parse(IReadOnlyList<string> arguments)
    {
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = Normalize(arguments[i]);
            if (!argument.StartsWith('-')) return new CommandLine { Arguments = arguments, VerbIndex = i };
            if (Array.IndexOf(GlobalFlagsWithValue, argument) >= 0) i++;
        }

        return new CommandLine { Arguments = arguments, VerbIndex = -1 };
    }

    /// <summary>The value of a flag between the verb and the container's id, under any of its names, or null. What comes
    /// after the id is the program that an exec runs, and its arguments.</summary>
    internal string? ValueOf(string[] flagsWithValue, params string[] names)
        => ValuesOf(flagsWithValue, names).FirstOrDefault();

    /// <summary>As <see cref="ValueOf"/>, for a flag that may be given more than once.</summary>
    internal IEnumerable<string> ValuesOf(string[] flagsWithValue, params string[] names)
    {
        int end = IdIndex(flagsWithValue);
        for (int i = VerbIndex + 1; i < end; i++)
        {
            foreach (string name in names)
            {
                string argument = Named(i, name);
                if (argument == name && i + 1 < end) yield return Arguments[i + 1];
                else if (argument.StartsWith(name + "=", StringComparison.Ordinal))
                    yield return argument[(name.Length + 1)..];
            }

            if (TakesNext(i, flagsWithValue)) i++;
        }
    }

    /// <summary>Whether a flag without a value stands between the verb and the container's id, under any of its
    /// names.</summary>
    internal bool HasFlag(string[] flagsWithValue, params string[] names)
    {
        int end = IdIndex(flagsWithValue);
        for (int i = VerbIndex + 1; i < end; i++)
        {
            if (names.Any(name => Named(i, name) == name || Named(i, name) == name + "=true")) return true;
            if (TakesNext(i, flagsWithValue)) i++;
        }

        return false;
    }

    /// <summary>The names of all flags between the verb and the container's id, with two dashes where they are
    /// long.</summary>
    internal IEnumerable<string> Flags(string[] flagsWithValue)
    {
        int end = IdIndex(flagsWithValue);
        for (int i = VerbIndex + 1; i < end; i++)
        {
            yield return Normalize(Arguments[i]).Split('=', 2)[0];
            if (TakesNext(i, flagsWithValue)) i++;
        }
    }

    /// <summary>The container's id: the first argument after the verb that is neither a flag nor a flag's value.</summary>
    internal string? ContainerId(params string[] flagsWithValue)
    {
        int index = IdIndex(flagsWithValue);
        return index < Arguments.Count ? Arguments[index] : null;
    }

    /// <summary>What comes after the container's id.</summary>
    internal IReadOnlyList<string> AfterId(params string[] flagsWithValue) => [.. Arguments.Skip(IdIndex(flagsWithValue) + 1)];

    /// <summary>The arguments with another value for a flag, in whatever notation it was given, or not at all.</summary>
    /// <param name="flagsWithValue">those of the verb</param>
    /// <param name="value">the new value</param>
    /// <param name="names">of the flag; the first is the one to write</param>
    internal IReadOnlyList<string> With(string[] flagsWithValue, string value, params string[] names)
    {
        var kept = new List<string>();
        int end = IdIndex(flagsWithValue);
        for (int i = VerbIndex + 1; i < end; i++)
        {
            int count = TakesNext(i, flagsWithValue) ? 2 : 1;
            string name = Arguments[i].Split('=', 2)[0];
            bool isOld = Array.IndexOf(names, name) >= 0 || Array.IndexOf(names, Normalize(name)) >= 0;
            if (!isOld) kept.AddRange(Arguments.Skip(i).Take(Math.Min(count, end - i)));
            i += count - 1;
        }

        return [.. Arguments.Take(VerbIndex + 1), names[0], value, .. kept, .. Arguments.Skip(end)];
    }

    private string Named(int index, string name) => name.Length > 2 ? Normalize(Arguments[index]) : Arguments[index];

    private int IdIndex(string[] flagsWithValue)
    {
        int i = VerbIndex + 1;
        while (i < Arguments.Count && Arguments[i].StartsWith('-')) i += TakesNext(i, flagsWithValue) ? 2 : 1;
        return Math.Min(i, Arguments.Count);
    }

    private bool TakesNext(int index, string[] flagsWithValue)
        => Array.IndexOf(flagsWithValue, Arguments[index]) >= 0 || Array.IndexOf(flagsWithValue, Normalize(Arguments[index])) >= 0;

    private string? GlobalValue(string name)
    {
        for (int i = 0; i < (VerbIndex < 0 ? Arguments.Count : VerbIndex); i++)
        {
            string argument = Normalize(Arguments[i]);
            if (argument == name && i + 1 < Arguments.Count) return Arguments[i + 1];
            if (argument.StartsWith(name + "=", StringComparison.Ordinal)) return argument[(name.Length + 1)..];
        }

        return null;
    }

    // runc's flag library takes one dash for two.
    private static string Normalize(string argument)
        => argument.Length > 2 && argument[0] == '-' && argument[1] != '-' ? "-" + argument : argument;
}
