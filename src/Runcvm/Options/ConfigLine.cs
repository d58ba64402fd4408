namespace Runcvm.Options;

/// <summary>One setting of a configuration file. The file is the part of TOML that settings need: <c>key = value</c> with a string,
/// a word, a number or a list of strings on one line, and comments. Whatever else TOML can do is refused rather than misread.</summary>
/// <param name="Key">bare key</param>
/// <param name="Values">one value, or all of a list</param>
/// <param name="IsList">written as a list</param>
/// <param name="Where">what messages call it: key, file and line</param>
internal sealed record ConfigLine(string Key, IReadOnlyList<string> Values, bool IsList, string Where)
{
    internal static IEnumerable<ConfigLine> ReadAll(string text, string path)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int number = 0;
        foreach (string raw in text.Split('\n'))
        {
            number++;
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#') continue;
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? "" : line[..equals].TrimEnd();
            if (key.Length == 0 || !key.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'))
                throw new UsageException($"{path} line {number} must be KEY = VALUE, not '{new OptionText("", line).Shown}'");
            string where = $"{key} ({path} line {number})";
            if (!seen.Add(key)) throw new UsageException($"{where} is there for the second time");
            var value = new ConfigValue(line[(equals + 1)..], where);
            yield return new ConfigLine(key, value.Read(out bool isList), isList, where);
        }
    }

    internal string Single()
        => !IsList && Values[0].Length > 0 ? Values[0] : throw new UsageException($"{Where} must be one value that is not empty");

    internal string AbsolutePath()
        => Single()[0] == '/' ? Single() : throw new UsageException($"{Where} must be an absolute path, not '{Single()}'");
}
