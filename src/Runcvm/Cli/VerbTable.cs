using Runcvm.Images;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Supervisor;

namespace Runcvm.Cli;

/// <summary>Every verb, in the order of the help text.</summary>
internal static class VerbTable
{
    private static readonly Dictionary<string, Func<CommandLine, int>> Verbs = new()
    {
        // The OCI command line; what is not here goes to the low-level runtime unchanged.
        ["create"] = static command => CreateVerb.Run(command, HostConfig.Load()),
        ["run"] = static command => CreateVerb.Run(command, HostConfig.Load()),
        ["exec"] = static command => ExecVerb.Run(command, HostConfig.Load()),
        ["update"] = static command => UpdateVerb.Run(command, HostConfig.Load()),
        ["delete"] = static command => DeleteVerb.Run(command, HostConfig.Load()),

        // For people.
        ["images"] = static command => ImagesVerb.Run([.. command.AfterVerb], Console.Out),
        ["kernel"] = static command => KernelVerb.Run([.. command.AfterVerb], Console.Out, InstalledFiles.Own().Kernels),
        ["install"] = static command => InstallVerb.Run([.. command.AfterVerb], Console.Out),
        ["uninstall"] = static command => UninstallVerb.Run([.. command.AfterVerb], Console.Out),
        ["version"] = static _ => HelpVerb.Version(),
        ["help"] = static _ => HelpVerb.Run(),

        // What this program's own parts call.
        ["supervise"] = static _ => SuperviseVerb.Run(),
        ["attach"] = static command => AttachVerb.Run(command.AfterVerb[0]),
        ["build-image"] = static command => BuildVerb.Run([.. command.AfterVerb]),
    };

    // Anything else may be a flag's value that was taken for the verb: to pass it on could start a container without a machine.
    private static readonly string[] PassedOn =
        ["checkpoint", "events", "features", "kill", "list", "pause", "ps", "restore", "resume", "spec", "start", "state"];

    internal static int Run(CommandLine command)
    {
        if (command.Verb.Length == 0) return HelpVerb.WithoutVerb(command);
        if (Verbs.TryGetValue(command.Verb, out Func<CommandLine, int>? verb)) return verb(command);
        if (Array.IndexOf(PassedOn, command.Verb) < 0)
            throw new UsageException($"'{command.Verb}' is no verb of runcvm; see runcvm help");
        LowLevelRuntime.Execute(HostConfig.Load().LowLevelRuntime, command.Arguments);
        return 1;
    }
}
