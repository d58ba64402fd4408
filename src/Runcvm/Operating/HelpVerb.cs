using System.CommandLine;
using Runcvm.Oci;

namespace Runcvm.Operating;

/// <summary>What the program says about itself.</summary>
internal static class HelpVerb
{
    internal static int Run(string? verb = null)
    {
        Command? command = verb == null ? null : CommandTree.Verbs.FirstOrDefault(other => other.Name == verb)
            ?? throw new UsageException($"'{verb}' is no verb for people; see runcvm help");
        Console.Out.Write(command == null ? HelpText.All() : HelpText.Of(command));
        return 0;
    }

    internal static int Version()
    {
        Console.Out.WriteLine($"runcvm version {OwnVersion.Number}");
        Console.Out.WriteLine("spec: 1.0.2-dev");
        return 0;
    }

    /// <summary>`runcvm --version`, which engines ask for, or no words at all.</summary>
    internal static int WithoutVerb(CommandLine command)
    {
        if (command.Arguments.Any(static argument => argument is "--version" or "-v")) return Version();
        Run();
        return command.Arguments.Count == 0 || command.Arguments.Any(static argument => argument is "--help" or "-h") ? 0 : 2;
    }
}
