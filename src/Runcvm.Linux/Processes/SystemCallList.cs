namespace Runcvm.Linux.Processes;

/// <summary>System calls that a program may make, by name; all others are refused. Lists do not change: each step gives
/// a new one.</summary>
public sealed class SystemCallList
{
    private readonly SortedDictionary<string, SystemCallRule> _rules = new(StringComparer.Ordinal);

    private SystemCallList(IEnumerable<SystemCallRule> rules)
    {
        foreach (SystemCallRule rule in rules) _rules[rule.Name] = rule;
    }

    /// <summary>No call at all.</summary>
    public static SystemCallList Empty { get; } = new([]);

    /// <summary>Every call that is named, in order of the names.</summary>
    public IReadOnlyCollection<SystemCallRule> Rules => _rules.Values;

    /// <summary>Allows these calls, whatever their arguments are.</summary>
    public SystemCallList Allow(params string[] names)
        => new([.. Rules, .. names.Select(static name => new SystemCallRule(name, Errno.None, []))]);

    /// <summary>Allows a call where its arguments are as all the rules have it.</summary>
    public SystemCallList AllowIf(string name, params ArgumentRule[] arguments)
        => new([.. Rules, new SystemCallRule(name, Errno.None, arguments)]);

    /// <summary>Refuses calls by an error of their own, for which C libraries have another way.</summary>
    public SystemCallList Refuse(Errno error, params string[] names)
        => new([.. Rules, .. names.Select(name => new SystemCallRule(name, error, []))]);

    /// <summary>Leaves out what was said about these calls: they are refused like any other.</summary>
    public SystemCallList Without(params string[] names) => new(Rules.Where(rule => !names.Contains(rule.Name)));

    /// <summary>What either list allows. Where both allow a call under conditions, those must be the same.</summary>
    public SystemCallList Or(SystemCallList other)
    {
        var joined = new List<SystemCallRule>(Rules);
        foreach (SystemCallRule theirs in other.Rules)
        {
            SystemCallRule? ours = Find(theirs.Name);
            joined.Add(ours == null ? theirs : ours.Or(theirs));
        }

        return new SystemCallList(joined);
    }

    /// <summary>What is said about a call.</summary>
    public SystemCallRule? Find(string name) => _rules.GetValueOrDefault(name);
}
