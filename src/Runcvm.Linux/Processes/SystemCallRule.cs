namespace Runcvm.Linux.Processes;

/// <summary>What a list says about one system call.</summary>
/// <param name="Name">as in man 2</param>
/// <param name="Error">none: it is allowed; else the error that callers get</param>
/// <param name="Arguments">all must hold for the call to be allowed</param>
public sealed record SystemCallRule(string Name, Errno Error, IReadOnlyList<ArgumentRule> Arguments)
{
    /// <summary>Allowed whatever its arguments are.</summary>
    public bool IsUnconditional => Error == Errno.None && Arguments.Count == 0;

    internal SystemCallRule Or(SystemCallRule other)
    {
        if (IsUnconditional || other.Error != Errno.None) return this;
        if (other.IsUnconditional || Error != Errno.None) return other;
        if (IsSame(Arguments, other.Arguments)) return this;
        if (Arguments is [{ Test: ArgumentTest.OneOf } ours] && other.Arguments is [{ Test: ArgumentTest.OneOf } theirs]
            && ours.Argument == theirs.Argument)
            return this with { Arguments = [ArgumentRule.OneOf(ours.Argument, [.. ours.Values.Union(theirs.Values)])] };
        throw new InvalidOperationException($"two lists allow {Name} under conditions that cannot be joined");
    }

    private static bool IsSame(IReadOnlyList<ArgumentRule> some, IReadOnlyList<ArgumentRule> others)
        => some.Count == others.Count && some.Zip(others).All(static pair => IsSame(pair.First, pair.Second));

    private static bool IsSame(ArgumentRule a, ArgumentRule b)
        => a.Test == b.Test && a.Argument == b.Argument && a.Values.SequenceEqual(b.Values);
}
