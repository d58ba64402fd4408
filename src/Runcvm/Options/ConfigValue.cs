namespace Runcvm.Options;

/// <summary>Reads what stands behind the equals sign.</summary>
internal sealed class ConfigValue(string text, string where)
{
    private int _at;

    internal IReadOnlyList<string> Read(out bool isList)
    {
        isList = Next() == '[';
        List<string> values = isList ? List() : [Next() is '"' or '\'' ? Quoted() : Bare()];
        return Next() is '\0' or '#' ? values : throw Unreadable();
    }

    private List<string> List()
    {
        var values = new List<string>();
        for (_at++; Next() != ']'; _at += Next() == ',' ? 1 : 0)
        {
            values.Add(Quoted());
            if (Next() is not (',' or ']')) throw Unreadable();
        }

        _at++;
        return values;
    }

    // Backslashes mean themselves in '…' only, as in TOML; no setting needs more than the two escapes.
    private string Quoted()
    {
        char quote = Next();
        if (quote is not ('"' or '\'')) throw Unreadable();
        var value = new System.Text.StringBuilder();
        for (_at++; _at < text.Length && text[_at] != quote; _at++)
        {
            if (quote == '"' && text[_at] == '\\' && (++_at == text.Length || text[_at] is not ('"' or '\\'))) throw Unreadable();
            value.Append(text[_at]);
        }

        if (_at++ >= text.Length) throw Unreadable();
        return value.ToString();
    }

    private string Bare()
    {
        int start = _at;
        while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] is '_' or '.' or '-' or '+')) _at++;
        return _at > start ? text[start.._at] : throw Unreadable();
    }

    // The next character that is no space; NUL at the end.
    private char Next()
    {
        while (_at < text.Length && text[_at] is ' ' or '\t' or '\r') _at++;
        return _at < text.Length ? text[_at] : '\0';
    }

    private UsageException Unreadable() => new(
        $"{where} must be \"text\", a number, a word, or a list [\"…\", \"…\"] on one line, not '{new OptionText("", text.Trim()).Shown}'");
}
