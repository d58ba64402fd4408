using System.Globalization;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Runcvm.Syntax;

/// <summary>One setting of a configuration file: TOML without tables, whose values are texts, whole numbers, booleans or lists of
/// texts. The syntax tree is read, not a model of it, because only the tree knows the line that a message has to name.</summary>
/// <param name="Key">bare key</param>
/// <param name="Values">one value, or all of a list</param>
/// <param name="IsList">written as a list</param>
/// <param name="Where">what messages call it: key, file and line</param>
internal sealed record ConfigLine(string Key, IReadOnlyList<string> Values, bool IsList, string Where)
{
    internal static IEnumerable<ConfigLine> ReadAll(string text, string path)
    {
        DocumentSyntax document = SyntaxParser.Parse(text, path, validate: true);
        foreach (DiagnosticMessage diagnostic in document.Diagnostics.Where(d => d.Kind == DiagnosticMessageKind.Error))
            throw new UsageException($"{path} line {diagnostic.Span.Start.Line + 1}: {diagnostic.Message.TrimEnd('.')}");
        foreach (TableSyntaxBase table in document.Tables)
            throw new UsageException($"{path} line {Line(table)}: RunCVM has no [tables] in its configuration, only KEY = VALUE");
        foreach (KeyValueSyntax pair in document.KeyValues)
        {
            string key = pair.Key!.ToString().Trim();
            string where = $"{key} ({path} line {Line(pair)})";
            bool isList = pair.Value is ArraySyntax;
            IEnumerable<SyntaxNode?> values = pair.Value is ArraySyntax list ? list.Items.Select(item => item.Value) : [pair.Value];
            yield return new ConfigLine(key, [.. values.Select(value => Text(value, where))], isList, where);
        }
    }

    internal string Single()
        => !IsList && Values[0].Length > 0 ? Values[0] : throw new UsageException($"{Where} must be one value that is not empty");

    internal string AbsolutePath()
        => Single()[0] == '/' ? Single() : throw new UsageException($"{Where} must be an absolute path, not '{Single()}'");

    internal IReadOnlyList<string> List()
        => IsList ? Values : throw new UsageException($"{Where} must be a list, [\"…\", \"…\"]");

    private static int Line(SyntaxNode node) => node.Span.Start.Line + 1;

    private static string Text(SyntaxNode? value, string where) => value switch
    {
        StringValueSyntax text => text.Value ?? "",
        IntegerValueSyntax number => number.Value.ToString(CultureInfo.InvariantCulture),
        BooleanValueSyntax flag => flag.Value ? "true" : "false",
        _ => throw new UsageException($"{where} must be a \"text\", a whole number, true or false, or a list of texts"),
    };
}
