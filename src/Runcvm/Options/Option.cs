using Runcvm.Syntax;

namespace Runcvm.Options;

/// <summary>One row of the catalogue, and one row of docs/options.md.</summary>
/// <param name="Name">the variable</param>
/// <param name="Meaning">for the user, in Markdown</param>
/// <param name="Default">for the user, in Markdown</param>
/// <param name="Read">puts a value into what was requested, or throws a <see cref="UsageException"/></param>
internal sealed record Option(string Name, string Meaning, string Default, Func<RequestedOptions, OptionText, RequestedOptions> Read)
{
    internal const string Prefix = "RUNCVM_";

    /// <summary>It costs or reaches the host, so that the host's configuration has to list it under <c>allow</c>.</summary>
    internal bool NeedsAllow { get; init; }

    /// <summary>What replaced an option of an older system; it is accepted with this as a warning and changes nothing.</summary>
    internal string? Replacement { get; init; }

    /// <summary>The same option in /etc/runcvm/config.toml.</summary>
    internal string Key => KeyOf(Name);

    internal static string KeyOf(string name) => name[Prefix.Length..].ToLowerInvariant();

    internal static string NameOf(string key) => Prefix + key.ToUpperInvariant();

    /// <summary>A name that ends in <c>*</c> stands for all that begin like it.</summary>
    internal bool Matches(string name)
        => Name.EndsWith('*') ? name.StartsWith(Name[..^1], StringComparison.Ordinal) : name == Name;
}
