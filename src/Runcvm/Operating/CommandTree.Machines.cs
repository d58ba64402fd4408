using System.CommandLine;

namespace Runcvm.Operating;

internal static partial class CommandTree
{
    private const string WhichMachine = "Id, its beginning, or the container's name.";

    private static Command List()
    {
        Option<bool> json = Json();
        Option<string> format = new("--format") { Description = "table or json, as runc has it.", HelpName = "FORMAT", DefaultValueFactory = static _ => "table" };
        format.AcceptOnlyFromAmong("table", "json");
        Option<bool> quiet = new("--quiet", "-q") { Description = "Ids only." };
        var verb = new Command("list", "machines, one a line") { json, format, quiet };
        verb.SetAction(parsed => ListVerb.Run(Console.Out, parsed.GetValue(quiet), parsed.GetValue(json) || parsed.GetValue(format) == "json"));
        return verb;
    }

    private static Command Inspect()
    {
        Argument<string> machine = Machine();
        Option<bool> json = Json();
        var verb = new Command("inspect", "one machine, and where the time of its start went") { machine, json };
        verb.SetAction(parsed => InspectVerb.Run(Console.Out, parsed.GetValue(machine)!, parsed.GetValue(json)));
        return verb;
    }

    private static Command Console_()
    {
        Argument<string> machine = Machine();
        Option<bool> once = new("--no-follow") { Description = "Show what is there, and end." };
        Option<bool> raw = new("--raw") { Description = "Leave control characters in: a hostile guest can then change your terminal." };
        var verb = new Command("console", "what the guest's console says, live") { machine, once, raw };
        verb.SetAction(parsed => ConsoleVerb.Run(parsed.GetValue(machine)!, !parsed.GetValue(once), parsed.GetValue(raw)));
        return verb;
    }

    private static Command KernelLog()
    {
        Argument<string> machine = Machine();
        var verb = new Command("dmesg", "the log of the guest's kernel") { machine };
        verb.SetAction(parsed => DmesgVerb.Run(Console.Out, parsed.GetValue(machine)!));
        return verb;
    }

    private static Command Stats()
    {
        Argument<string[]> machines = new("MACHINE") { Description = WhichMachine + " All, when none is named.", Arity = ArgumentArity.ZeroOrMore };
        Option<bool> json = Json();
        Option<int> interval = new("--interval") { Description = "Seconds over which use is measured; 1 by default.", HelpName = "SECONDS", DefaultValueFactory = static _ => 1 };
        interval.Validators.Add(static result =>
        {
            if (result.Tokens is [var token] && !(int.TryParse(token.Value, out int seconds) && seconds is >= 1 and <= 3600))
                result.AddError($"--interval must be a number from 1 to 3600, not '{token.Value}'");
        });
        var verb = new Command("stats", "processor, memory, disk and network use") { machines, interval, json };
        verb.SetAction(parsed => StatsVerb.Run(Console.Out, parsed.GetValue(machines)!, parsed.GetValue(interval), parsed.GetValue(json)));
        return verb;
    }

    private static Command Egress()
    {
        Argument<string> machine = Machine();
        Option<bool> json = Json();
        Option<bool> follow = new("--follow") { Description = "What is refused and allowed, as it comes." };
        Option<bool> policy = new("--policy") { Description = "What a machine under learn needs, for RUNCVM_EGRESS." };
        Argument<string[]> change = new("CHANGE")
        {
            Description = $"{EgressChanges.Acts}: from now on.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var verb = new Command("egress", "what a machine may reach, and what it was refused")
        {
            machine, change, follow, policy, json,
        };
        verb.SetAction(parsed => EgressVerb.Run(
            Console.Out, parsed.GetValue(machine)!, parsed.GetValue(change)!, parsed.GetValue(follow),
            parsed.GetValue(policy), parsed.GetValue(json)));
        return verb;
    }

    private static Command Metrics()
    {
        Option<string> file = new("--output", "-o") { Description = "Write to a file, in one step: for node_exporter's textfile collector.", HelpName = "FILE" };
        var verb = new Command("metrics", "all machines' figures, as Prometheus reads them") { file };
        verb.SetAction(parsed => MetricsVerb.Run(Console.Out, parsed.GetValue(file)));
        return verb;
    }

    private static Argument<string> Machine() => new("MACHINE") { Description = WhichMachine };

    private static Option<bool> Json() => new("--json") { Description = "JSON, for programs." };
}
