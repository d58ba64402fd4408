using System.CommandLine;
using System.Text;

namespace Runcvm.Operating;

/// <summary>Completion for shells, from the tree of verbs. Machines are asked for when they are needed.</summary>
internal static class CompletionScript
{
    internal static string For(string shell) => shell switch
    {
        "bash" => Bash(),
        "zsh" => $"#compdef runcvm\nautoload -U +X bashcompinit && bashcompinit\n{Bash()}",
        _ => Fish(),
    };

    private static string Bash()
    {
        var cases = new StringBuilder();
        foreach (Command verb in CommandTree.Verbs)
            cases.Append($"        {verb.Name}) words=\"{string.Join(' ', WordsOf(verb))}\"{(TakesMachine(verb) ? "; machines=1" : "")} ;;\n");
        return $$"""
            _runcvm() {
                local word=${COMP_WORDS[COMP_CWORD]} words="" machines=""
                if [ "$COMP_CWORD" = 1 ]; then
                    words="{{string.Join(' ', CommandTree.Verbs.Select(static verb => verb.Name))}}"
                else case ${COMP_WORDS[1]} in
            {{cases.ToString().TrimEnd('\n')}}
                esac; fi
                [ -z "$machines" ] || words="$words $(runcvm list --quiet 2>/dev/null)"
                COMPREPLY=($(compgen -W "$words" -- "$word"))
            }
            complete -F _runcvm runcvm

            """;
    }

    private static string Fish()
    {
        var script = new StringBuilder("complete -c runcvm -f\n");
        foreach (Command verb in CommandTree.Verbs)
        {
            script.Append($"complete -c runcvm -n __fish_use_subcommand -a {verb.Name} -d '{Quoted(verb.Description)}'\n");
            string condition = $"-n '__fish_seen_subcommand_from {verb.Name}'";
            foreach (Option option in verb.Options) script.Append($"complete -c runcvm {condition} -l {option.Name.TrimStart('-')} -d '{Quoted(option.Description)}'\n");
            foreach (string word in WordsOf(verb).Where(static word => word[0] != '-')) script.Append($"complete -c runcvm {condition} -a {word}\n");
            if (TakesMachine(verb)) script.Append($"complete -c runcvm {condition} -a '(runcvm list --quiet 2>/dev/null)'\n");
        }

        return script.ToString();
    }

    private static IEnumerable<string> WordsOf(Command verb) =>
    [
        .. verb.Subcommands.Select(static sub => sub.Name),
        .. verb.Name switch
        {
            "completion" => ["bash", "zsh", "fish"],
            "kernel" => ["list", "add", "build", "default", "remove"],
            "help" => CommandTree.Verbs.Select(static other => other.Name),
            _ => Array.Empty<string>(),
        },
        .. verb.Options.Concat(verb.Subcommands.SelectMany(static sub => sub.Options)).Select(static option => option.Name),
        "--help",
    ];

    private static bool TakesMachine(Command verb) => verb.Arguments.Any(static argument => argument.Name == "MACHINE");

    private static string Quoted(string? text) => (text ?? "").Replace("'", "\\'", StringComparison.Ordinal);
}
