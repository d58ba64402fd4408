using Runcvm.Machines;
using Runcvm.Syntax;

namespace Runcvm.Options;

/// <summary>Every option there is. The rows are in the other parts of this class, in the order of docs/options.md.</summary>
internal static partial class OptionCatalogue
{
    internal const string StrictName = "RUNCVM_STRICT";
    internal const long DefaultScratchSize = 10 * ByteSize.Gibi;

    internal static IReadOnlyList<Option> All { get; } = [.. Machine, .. Kernel, .. Workload, .. Storage, .. Network, .. Inside, .. Later, .. Older];

    // An option that is a property of the machine's hardware, and passes through to whoever uses it.
    private static Func<RequestedOptions, OptionText, RequestedOptions> Part(Func<Hardware, OptionText, Hardware> read)
        => (o, text) => o with { Hardware = read(o.Hardware, text) };

    internal static Option? Find(string name) => All.FirstOrDefault(option => option.Matches(name));

    internal static string Nearest(string name) => NearestName.Of(name, All.Select(option => option.Name));

    /// <summary>Puts everything that was written into <paramref name="requested"/>.</summary>
    /// <param name="written">by the name of the option</param>
    /// <param name="requested">what it is added to</param>
    /// <param name="strict">unknown names are errors, else warnings</param>
    /// <param name="warnings">gets sentences for the log</param>
    internal static RequestedOptions Read(
        IReadOnlyDictionary<string, OptionText> written, RequestedOptions requested, bool strict, List<string> warnings)
    {
        foreach ((string name, OptionText text) in written)
        {
            Option? option = Find(name);
            if (option is null)
            {
                string unknown = $"{text.Name} is not an option of RunCVM; the nearest name is {Nearest(name)}";
                if (strict) throw new UsageException($"{unknown} ({StrictName}=0 makes this a warning)");
                warnings.Add(unknown);
                continue;
            }

            if (option.Replacement is not null) warnings.Add($"{text.Name} has no effect in this version of RunCVM: {option.Replacement}");
            requested = option.Read(requested, text);
        }

        return requested;
    }
}
