using Runcvm.Brokering;
using Runcvm.FileServing;
using Runcvm.Images;
using Runcvm.Oci;
using Runcvm.Operating;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Cli;

/// <summary>Who answers for which verb. The verbs for people are in <see cref="CommandTree"/>.</summary>
internal static class VerbTable
{
    private static readonly Dictionary<string, Func<CommandLine, int>> Verbs = new()
    {
        // The OCI command line; what is not here goes to the low-level runtime unchanged.
        ["create"] = static command => CreateVerb.Run(command, HostConfig.Load()),
        ["run"] = static command => CreateVerb.Run(command, HostConfig.Load()),
        ["exec"] = static command => ExecVerb.Run(command, HostConfig.Load()),
        ["kill"] = static command => KillVerb.Run(command, HostConfig.Load()),
        ["pause"] = static command => PauseVerb.Run(command, HostConfig.Load()),
        ["resume"] = static command => ResumeVerb.Run(command, HostConfig.Load()),
        ["update"] = static command => UpdateVerb.Run(command, HostConfig.Load()),
        ["checkpoint"] = static command => CheckpointVerb.Run(command, HostConfig.Load()),
        ["restore"] = static command => RestoreVerb.Run(command, HostConfig.Load()),
        ["delete"] = static command => DeleteVerb.Run(command, HostConfig.Load()),
        ["state"] = static command => StateVerb.Run(command, HostConfig.Load()),

        // What this program's own parts call.
        ["supervise"] = static _ => SuperviseVerb.Run(),
        [SandboxHooks.Verb] = static command => HookVerb.Run([.. command.AfterVerb]),
        [SandboxHooks.ForgetVerb] = static command => DeleteVerb.Forget(command, OnlyArgument(command)),
        [StandInVerb.Name] = static command => StandInVerb.Run([.. command.AfterVerb]),
        ["attach"] = static command => AttachVerb.Run(OnlyArgument(command)),
        [ConfineVmmVerb.Name] = static command => ConfineVmmVerb.Run([.. command.AfterVerb]),
        ["exhaust"] = static command => MemoryShortage.Exhaust(OnlyArgument(command)),
        [BrokerVerb.Name] = static _ => BrokerVerb.Run(),
        [ServeSharesVerb.Name] = static command => ServeSharesVerb.Run([.. command.AfterVerb]),
        ["build-image"] = static command => BuildVerb.Run([.. command.AfterVerb]),
    };

    // Anything else may be a flag's value that was taken for the verb: to pass it on could start a container without a machine.
    private static readonly string[] PassedOn =
        ["events", "features", "list", "ps", "spec", "start"];

    private static string OnlyArgument(CommandLine command)
        => command.AfterVerb.Count == 1 ? command.AfterVerb[0] : throw new UsageException($"'{command.Verb}' is what RunCVM's own parts call; see runcvm help");

    internal static int Run(CommandLine command)
    {
        if (command.Verb.Length == 0) return HelpVerb.WithoutVerb(command);
        if (Verbs.TryGetValue(command.Verb, out Func<CommandLine, int>? verb)) return verb(command);
        bool isPassedOn = Array.IndexOf(PassedOn, command.Verb) >= 0;
        // Before the others, so that their table is never made on the way of an engine's call.
        if (isPassedOn && (command.HasGlobalFlags || command.Verb != "list"))
        {
            LowLevelRuntime.Execute(HostConfig.Load().LowLevelRuntime, command.Arguments);
            return 1;
        }

        // A flag in front of a verb for people is nothing that this program knows.
        if (command.HasGlobalFlags || !CommandTree.Has(command.Verb))
            throw new UsageException($"'{command.Verb}' is no verb of runcvm; see runcvm help");
        return CommandTree.Run(command.Arguments);
    }
}
