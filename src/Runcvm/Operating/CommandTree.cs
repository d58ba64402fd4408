using System.CommandLine;
using System.CommandLine.Parsing;

namespace Runcvm.Operating;

/// <summary>The verbs that people type. What is said here is also the help text, the manual page and the completion of
/// shells, so there is one place to change. The OCI verbs never come by: they take whatever flag an engine has.</summary>
internal static partial class CommandTree
{
    internal const string Summary = "boots container images as microVMs: docker run --runtime=runcvm IMAGE";

    /// <summary>The verbs under the headings of the help text.</summary>
    internal static IReadOnlyList<(string Heading, IReadOnlyList<Command> Verbs)> Sections { get; } =
    [
        ("Machines", [List(), Inspect(), Console_(), KernelLog(), Stats(), Egress(), Metrics()]),
        ("This host", [Doctor(), Images(), Warm(), Templates(), Kernel(), Install(), Uninstall()]),
        ("This program", [Version(), Completion(), Manual(), Help()]),
    ];

    private static readonly Option<bool> HelpOption = new("--help", "-h") { Description = "Show what this verb does and takes.", Recursive = true };

    private static readonly Command Root = MakeRoot();

    internal static IEnumerable<Command> Verbs => Sections.SelectMany(static section => section.Verbs);

    internal static bool Has(string verb) => Verbs.Any(command => command.Name == verb);

    /// <summary>Runs one verb, its name in front of its arguments.</summary>
    internal static int Run(IReadOnlyList<string> arguments)
    {
        ParseResult parsed = Parse(arguments);
        if (parsed.GetValue(HelpOption))
        {
            Console.Out.Write(HelpText.Of(parsed.CommandResult.Command));
            return 0;
        }

        Check(parsed);
        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    internal static ParseResult Parse(IReadOnlyList<string> arguments)
        => Root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });

    /// <summary>Mistakes as one sentence, with the way to the help.</summary>
    internal static void Check(ParseResult parsed)
    {
        string verb = Spoken(parsed.CommandResult);
        Command command = parsed.CommandResult.Command;
        if (command.TreatUnmatchedTokensAsErrors && parsed.UnmatchedTokens is [var first, ..])
            throw new UsageException($"{verb} does not know '{first}'; see {verb} --help");
        if (parsed.Errors is [var error, ..])
            throw new UsageException($"{verb}: {OneLine(error.Message)}; see {verb} --help");
    }

    // A list of what is accepted comes in lines of its own.
    private static string OneLine(string message)
        => string.Join(' ', message.Split((char[])['\n', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');

    private static string Spoken(CommandResult result)
        => result.Parent is CommandResult parent ? $"{Spoken(parent)} {result.Command.Name}" : result.Command.Name;

    private static Command MakeRoot()
    {
        var root = new Command("runcvm", Summary) { HelpOption };
        foreach (Command verb in Verbs) root.Add(verb);
        return root;
    }
}
