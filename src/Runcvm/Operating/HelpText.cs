using System.CommandLine;
using System.Text;

namespace Runcvm.Operating;

/// <summary>Help from the tree of verbs: all of it on one screen, or one verb's.</summary>
internal static class HelpText
{
    private const int NameWidth = 20;

    internal static string All()
    {
        var text = new StringBuilder($"runcvm {CommandTree.Summary}\n");
        foreach ((string heading, IReadOnlyList<Command> verbs) in CommandTree.Sections)
        {
            text.Append($"{heading}:\n");
            foreach (Command verb in verbs) AddLine(text, Synopsis(verb, withOptions: false), verb.Description);
        }

        text.Append("""
            runcvm VERB --help says more. MACHINE is an id, its beginning, or a name.
            Engines call runcvm as they call runc: create, start, exec, kill, delete …

            """);
        return text.ToString();
    }

    internal static string Of(Command verb)
    {
        if (verb.Parents.FirstOrDefault() is not Command parent) return All();
        string path = parent.Parents.Any() ? $"{parent.Name} {Synopsis(verb, true)}" : Synopsis(verb, true);
        string[] usage = [.. Lines($"runcvm {path}: {verb.Description}".Split(' '))];
        var text = new StringBuilder(string.Join("\n    ", usage)).Append('\n');
        if (verb.Arguments.Count > 0 || verb.Options.Count > 0) text.Append('\n');
        foreach (Argument argument in verb.Arguments) AddLine(text, argument.Name, argument.Description);
        foreach (Option option in verb.Options) AddLine(text, NameOf(option), option.Description);
        if (verb.Subcommands.Count > 0) text.Append('\n');
        foreach (Command sub in verb.Subcommands) AddLine(text, $"{verb.Name} {sub.Name}", sub.Description);
        return text.ToString();
    }

    /// <summary>The verb with what it takes.</summary>
    internal static string Synopsis(Command verb, bool withOptions)
    {
        IEnumerable<string> arguments = verb.Arguments.Select(static argument => argument.Arity switch
        {
            { MinimumNumberOfValues: 0, MaximumNumberOfValues: 1 } => $"[{argument.Name}]",
            { MinimumNumberOfValues: 0 } => $"[{argument.Name}...]",
            _ => argument.Name,
        });
        IEnumerable<string> options = withOptions ? verb.Options.Select(static option => $"[{NameOf(option)}]") : [];
        return string.Join(' ', [verb.Name, .. options, .. arguments]);
    }

    /// <summary>As it is typed, with its value.</summary>
    internal static string NameOf(Option option)
    {
        string names = string.Join(", ", option.Aliases.Prepend(option.Name));
        return option.HelpName == null ? names : $"{names} {option.HelpName}";
    }

    // No wider than a terminal usually is.
    private static IEnumerable<string> Lines(string[] words)
    {
        const int Width = 96;
        string line = "";
        foreach (string word in words)
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > Width)
            {
                yield return line;
                line = "";
            }

            line += line.Length == 0 ? word : " " + word;
        }

        yield return line;
    }

    private static void AddLine(StringBuilder text, string name, string? description)
        => text.Append("  ").Append(name.PadRight(NameWidth)).Append(' ').Append(description).Append('\n');
}
