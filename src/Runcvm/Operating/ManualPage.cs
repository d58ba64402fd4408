using System.CommandLine;
using System.Text;

namespace Runcvm.Operating;

/// <summary>runcvm(8), from the tree of verbs, in the macros of man(7).</summary>
internal static class ManualPage
{
    internal static string Text()
    {
        var page = new StringBuilder();
        page.Append($".TH RUNCVM 8 \"\" \"runcvm {OwnVersion.Number}\" \"System administration\"\n");
        page.Append($".SH NAME\nruncvm \\- {Escape(CommandTree.Summary)}\n");
        page.Append(".SH SYNOPSIS\n.B runcvm\n.I VERB\n[\\fIARGUMENT\\fR ...]\n");
        page.Append(".SH DESCRIPTION\n");
        page.Append("""
            .B runcvm
            is an OCI container runtime: container engines call it as they call
            .BR runc (8),
            and it boots the image as a microVM. The verbs below are for people.
            .PP
            A verb that runc has too
            .RB ( list )
            is runc's when a global option such as
            .B \-\-root
            or
            .B \-\-log
            stands before it, as engines call it.

            """);
        foreach ((string heading, IReadOnlyList<Command> verbs) in CommandTree.Sections)
        {
            page.Append($".SH {heading.ToUpperInvariant()}\n");
            foreach (Command verb in verbs) AddVerb(page, verb, "");
        }

        page.Append("""
            .SH EXIT STATUS
            0 when all went well; 2 when runcvm refuses, because of the command line or of what it found, and says why; 1 when the system failed it, and for
            .B doctor
            when a machine could not run here.
            .SH FILES
            .TP
            .I /etc/runcvm/config.toml
            settings of the host
            .TP
            .I /run/runcvm/KEY
            a machine
            .TP
            .I /var/lib/runcvm/images
            root images
            .SH ENVIRONMENT
            .TP
            .B RUNCVM_*
            options of a machine, given to the engine
            .RB ( "docker run \-e" ).
            .TP
            .B DOCKER_HOST
            where Docker is asked for names, when it is a
            .I unix://
            address
            .SH SEE ALSO
            .BR docker (1),
            .BR runc (8)

            """);
        return page.ToString();
    }

    private static void AddVerb(StringBuilder page, Command verb, string parent)
    {
        page.Append($".TP\n\\fBruncvm {Escape(parent + HelpText.Synopsis(verb, withOptions: true))}\\fR\n{Escape(verb.Description)}\n");
        if (verb.Arguments.Count + verb.Options.Count > 0)
        {
            page.Append(".RS\n");
            foreach (Argument argument in verb.Arguments) page.Append($".TP\n\\fI{Escape(argument.Name)}\\fR\n{Escape(argument.Description)}\n");
            foreach (Option option in verb.Options) page.Append($".TP\n\\fB{Escape(HelpText.NameOf(option))}\\fR\n{Escape(option.Description)}\n");
            page.Append(".RE\n");
        }

        foreach (Command sub in verb.Subcommands) AddVerb(page, sub, $"{verb.Name} ");
    }

    private static string Escape(string? text)
    {
        string safe = (text ?? "").Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        // A line that begins so would be a request to troff.
        return safe.StartsWith('.') || safe.StartsWith('\'') ? "\\&" + safe : safe;
    }
}
