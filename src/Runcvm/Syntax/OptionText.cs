using System.Globalization;

namespace Runcvm.Syntax;

/// <summary>An option as it was written. Each method reads it as one kind of value, or says what would be accepted.</summary>
/// <param name="Name">what the user calls it, for messages: the variable, or the key with its file and line</param>
/// <param name="Value">never empty</param>
internal readonly record struct OptionText(string Name, string Value)
{
    private const int ShownCharacters = 80;

    /// <summary>The value for a message: one line, and not longer than a message should be.</summary>
    internal string Shown
    {
        get
        {
            string line = string.Concat(Value.Select(c => char.IsControl(c) ? '?' : c));
            return line.Length <= ShownCharacters ? line : line[..ShownCharacters] + "…";
        }
    }

    internal UsageException Refused(string accepted) => new($"{Name} must be {accepted}, not '{Shown}'");

    internal bool Flag() => OneOf(
        "1, true, yes or on, or 0, false, no or off",
        [("1", true), ("true", true), ("yes", true), ("on", true), ("0", false), ("false", false), ("no", false), ("off", false)]);

    internal T OneOf<T>(string accepted, ReadOnlySpan<(string Word, T Meaning)> words)
    {
        foreach ((string word, T meaning) in words)
            if (word.Equals(Value, StringComparison.OrdinalIgnoreCase)) return meaning;
        throw Refused(accepted);
    }

    internal int Number(int least, int most)
        => int.TryParse(Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw Refused($"a number from {least} to {most}");

    /// <summary>Bytes.</summary>
    /// <param name="least">bytes</param>
    /// <param name="most">bytes</param>
    /// <param name="plainUnit">bytes that a number without a unit counts in; null refuses such a number</param>
    internal long Size(long least, long most, long? plainUnit)
    {
        string plain = plainUnit is null ? "" : ", or a plain number of mebibytes";
        string accepted = $"a size from {ByteSize.Text(least)} to {ByteSize.Text(most)} (a number and K, M, G or T{plain})";
        long bytes = ByteSize.TryParse(Value, plainUnit) ?? throw Refused(accepted);
        return bytes >= least && bytes <= most ? bytes : throw Refused(accepted);
    }

    /// <summary>Kernel arguments. A line break or another control character in them could end the line for whoever hands it
    /// on, and no kernel parameter has a use for one.</summary>
    internal string KernelArguments()
    {
        // The kernel cuts its command line at 2048 bytes (COMMAND_LINE_SIZE of x86) without a word; ours take their part.
        const int Most = 1024;
        if (Value.Any(char.IsControl)) throw Refused("one line without control characters");
        if (System.Text.Encoding.UTF8.GetByteCount(Value) > Most) throw Refused($"at most {Most} bytes long");
        return Value.Trim();
    }

    internal string TemplateName()
        => Syntax.TemplateName.IsOne(Value) ? Value : throw Refused(Syntax.TemplateName.Rule);

    internal UsageException NotAvailable() => new($"{Name}={Shown} is not available in this version of RunCVM; leave it out");
}
