using System.CommandLine;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Options;

namespace Runcvm.Operating;

internal static partial class CommandTree
{
    private static Command Doctor()
    {
        Option<bool> json = Json();
        Option<bool> noBoot = new("--no-boot") { Description = "Leave out the trial boot." };
        var verb = new Command("doctor", "checks all that a machine needs, and boots one") { noBoot, json };
        verb.SetAction(parsed => DoctorVerb.Run(Console.Out, !parsed.GetValue(noBoot), parsed.GetValue(json)));
        return verb;
    }

    private static Command Images()
    {
        Option<bool> json = Json();
        Option<int> keep = new("--keep") { Description = "Leave that many, those used last.", HelpName = "N" };
        var prune = new Command("prune", "removes images that no machine uses") { keep };
        prune.SetAction(parsed => ImagesVerb.Prune(Console.Out, parsed.GetValue(keep)));
        var verb = new Command("images", "root images in the cache") { json, prune };
        verb.SetAction(parsed => ImagesVerb.List(Console.Out, parsed.GetValue(json)));
        return verb;
    }

    private static Command Warm()
    {
        Option<bool> json = Json();
        Option<int> keep = new("--keep") { Description = "Leave that many, those used last.", HelpName = "N" };
        Option<string> cpus = Text("--cpus", "For machines with that many vCPUs.", "N");
        Option<string> memory = Text("--memory", "For machines of that size.", "SIZE");
        Option<string> kernel = Text("--kernel", "For machines with this kernel.", "KERNEL");
        var list = new Command("list", "shows them") { json };
        list.SetAction(parsed => WarmVerb.List(Console.Out, parsed.GetValue(json)));
        var prune = new Command("prune", "removes them") { keep };
        prune.SetAction(parsed => WarmVerb.Prune(Console.Out, parsed.GetValue(keep)));
        var verb = new Command("warm", "saves a machine that has booted, for others to go on from")
        {
            cpus, memory, kernel, list, prune,
        };
        verb.SetAction(parsed => ProgressLine.Around("saving a machine", true, () => WarmVerb.Make(
            Console.Out, parsed.GetValue(cpus), parsed.GetValue(memory), parsed.GetValue(kernel))));
        return verb;
    }

    private static Command Templates()
    {
        Option<bool> json = Json();
        Argument<string> machine = Machine();
        Argument<string> name = new("NAME") { Description = "Lower-case letters, digits and _.-" };
        var create = new Command("create", "makes one of a machine that runs, and that goes on") { name, machine };
        create.SetAction(parsed => ProgressLine.Around("saving the machine", true,
            () => TemplateVerb.Create(Console.Out, parsed.GetValue(name)!, parsed.GetValue(machine)!)));
        var list = new Command("list", "shows them") { json };
        list.SetAction(parsed => TemplateVerb.List(Console.Out, parsed.GetValue(json)));
        var inspect = new Command("inspect", "shows one, and which machines can go on from it") { name, json };
        inspect.SetAction(parsed => TemplateVerb.Inspect(Console.Out, parsed.GetValue(name)!, parsed.GetValue(json)));
        var remove = new Command("remove", "removes one") { name };
        remove.SetAction(parsed => TemplateVerb.Remove(Console.Out, parsed.GetValue(name)!));
        var verb = new Command("template", "saves a machine that runs, for others to go on from")
        {
            create, list, inspect, remove,
        };
        verb.SetAction(parsed => TemplateVerb.List(Console.Out, asJson: false));
        return verb;
    }

    private static Command Kernel()
    {
        Argument<string[]> sources = new("SOURCE") { Description = "debian, ubuntu, a package's name, files .deb, or a root folder.", Arity = ArgumentArity.OneOrMore };
        Argument<string> choice = new("KERNEL") { Description = "DIST or DIST/VERSION; without it the default is shown.", Arity = ArgumentArity.ZeroOrOne };
        Argument<string> name = new("KERNEL") { Description = "DIST/VERSION." };
        var verb = new Command("kernel", "kernels of machines: list, add, build, default, remove")
        {
            new Command("list", "shows them; so does runcvm kernel alone") { Json() },
            new Command("add", "takes one from a distribution, from packages or from a root folder") { sources, Text("--as", "Call it so.", "DIST") },
            new Command("build", "builds a tuned one from the distribution's sources, in ten minutes or so")
            {
                Text("--for", "kvm or tcg; by default what this host's machines run on.", "KIND"),
                Text("--source", "The source, a folder or an archive, instead of the distribution's package."), Text("--in", "Where to build, and leave what was built."),
            },
            new Command("default", "chooses the one that machines boot unless they say it") { choice },
            new Command("remove", "removes one") { name },
        };
        // KernelVerb reads the words itself.
        foreach (Command part in verb.Subcommands.Append(verb))
        {
            part.SetAction(parsed => ProgressLine.Around(
                "working on kernels", part.Name is "add" or "build", () => KernelVerb.Run(Words(parsed), Console.Out, KernelStoreOfHost(), Emulates())));
        }

        return verb;
    }

    private static KernelStore KernelStoreOfHost()
    {
        InstalledFiles files = InstalledFiles.Own(HostConfig.Load());
        return new KernelStore(files.Kernels, files.Machine);
    }

    private static bool Emulates()
    {
        HostConfig config = InstallationChecks.ConfigOrDefault();
        return !HostFacts.Look(config, InstalledFiles.Own(config).Library).RunsGuests;
    }

    private static Command Install()
    {
        var verb = new Command("install", "puts RunCVM on this host and registers it with Docker")
        {
            Text("--prefix", "Where to: by default where this program is installed, else /usr/local."), Text("--guest", "The guest program, where it is not beside this one."),
            Text("--daemon-json", "Docker's configuration, where it is elsewhere."),
            Text("--containerd-config", "--containerd, with a configuration that is elsewhere."),
            Text("--firecracker", "Put this Firecracker, a file or an address, beside it.", "SOURCE"), Text("--sha256", "What the Firecracker must hash to.", "HEX"),
            Flag("--no-docker", "Leave Docker as it is."),
            Flag("--containerd", "Register it with containerd too, for pods of Kubernetes."),
            Flag("--no-files", "Leave the programs: a package has put them there."),
        };
        verb.SetAction(parsed => InstallVerb.Run(Words(parsed), Console.Out));
        return verb;
    }

    private static Command Uninstall()
    {
        var verb = new Command("uninstall", "takes back what install did")
        {
            Text("--prefix", "Where from."), Text("--daemon-json", "Docker's configuration, where it is elsewhere."),
            Text("--containerd-config", "--containerd, with a configuration that is elsewhere."),
            Flag("--no-docker", "Leave Docker as it is."),
            Flag("--containerd", "Take it out of containerd's too, also where that names another program."),
            Flag("--no-files", "Leave the programs: a package takes them away."), Flag("--force", "Also while machines run."), Flag("--purge", "Also remove /var/lib/runcvm."),
        };
        verb.SetAction(parsed => UninstallVerb.Run(Words(parsed), Console.Out));
        return verb;
    }

    private static Command Version()
    {
        Option<bool> json = Json();
        var verb = new Command("version", "the version of this program") { json };
        verb.SetAction(parsed => parsed.GetValue(json) ? VersionText.WriteJson(Console.Out) : HelpVerb.Version());
        return verb;
    }

    private static Command Completion()
    {
        Argument<string> shell = new("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var verb = new Command("completion", "completion of runcvm's words for bash, zsh or fish") { shell };
        verb.SetAction(parsed =>
        {
            Console.Out.Write(CompletionScript.For(parsed.GetValue(shell)!));
            return 0;
        });
        return verb;
    }

    private static Command Manual()
    {
        var verb = new Command("man", "the manual page: runcvm man | man -l -");
        verb.SetAction(static _ =>
        {
            Console.Out.Write(ManualPage.Text());
            return 0;
        });
        return verb;
    }

    private static Command Help()
    {
        Argument<string> name = new("VERB") { Description = "Which verb.", Arity = ArgumentArity.ZeroOrOne };
        var verb = new Command("help", "this text, or that of one verb") { name };
        verb.SetAction(parsed => HelpVerb.Run(parsed.GetValue(name)));
        return verb;
    }

    private static Option<string> Text(string name, string description, string value = "PATH") => new(name) { Description = description, HelpName = value };

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    // As they were typed, without the verb.
    private static string[] Words(ParseResult parsed) => [.. parsed.Tokens.Skip(1).Select(static token => token.Value)];
}
