namespace Runcvm.Kernels;

/// <summary>What a kernel was built with: the lines <c>CONFIG_NAME=value</c> of its config file. What is not named is off.</summary>
internal sealed class KernelConfig
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public KernelConfig(IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && line.StartsWith("CONFIG_", StringComparison.Ordinal)) _values[line["CONFIG_".Length..equals]] = line[(equals + 1)..].Trim();
        }
    }

    /// <summary>All symbols that are named.</summary>
    public IReadOnlyDictionary<string, string> Values => _values;

    /// <summary>The value, <c>n</c> for what is not named.</summary>
    public string this[string symbol] => _values.GetValueOrDefault(symbol, "n");

    /// <summary>Whether it is there at all, built in or as a module.</summary>
    public bool Has(string symbol) => this[symbol] is "y" or "m";

    /// <summary>Those of the wanted symbols that have another value here.</summary>
    public List<string> DifferencesFrom(KernelConfig wanted)
        => [.. wanted._values.Where(w => this[w.Key] != w.Value).Select(w => $"{w.Key}={w.Value}")];
}
