using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Network;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>`runcvm create` (and `run`): turns the container of a bundle into a machine, then becomes the low-level
/// runtime with the same arguments.</summary>
internal static class CreateVerb
{
    private const string InitramfsCache = InstalledFiles.Cache + "/initramfs";
    private const string ImageKernelCache = InstalledFiles.Cache + "/image-kernels";

    private static readonly string[] FlagsWithValue = ["--bundle", "-b", "--console-socket", "--pid-file", "--preserve-fds"];

    internal static int Run(CommandLine command, HostConfig config)
    {
        string id = command.ContainerId(FlagsWithValue) ?? throw new UsageException($"{command.Verb} needs the container's id");
        MachineFolder folder = MachineFolder.Of(id);
        if (folder.IsRunning) throw new UsageException($"a machine with the id {id} runs already");
        var bundle = new Bundle(command.ValueOf(FlagsWithValue, "--bundle", "-b") ?? Environment.CurrentDirectory);
        if (folder.IsThere) LayerMark.Settle(folder);
        folder.Recreate();
        IReadOnlyList<SafeFileHandle> sockets = [];
        string sandbox;
        try
        {
            NetworkChoice network = NetworkChoice.Of(bundle.Spec);
            sockets = MachineNetwork.Join(bundle.Spec, network, id);
            sandbox = Prepare(bundle, id, folder, config, network);
        }
        catch (Exception e)
        {
            folder.Remove();
            MachineNetwork.RemoveLeftOvers();
            LifeEvents.NotCreated(id, Reason.Of(e));
            throw;
        }

        LowLevelRuntime.Execute(config.LowLevelRuntime, command.With(FlagsWithValue, sandbox, "--bundle", "-b"), sockets.Count > 0 ? SharedPorts.HandOn(sockets) : []);
        return 1;
    }

    private static string Prepare(Bundle bundle, string id, MachineFolder folder, HostConfig config, NetworkChoice network)
    {
        var timeline = new Timeline();
        timeline.Ended(Timeline.Begin);
        JsonObject process = bundle.Spec["process"] as JsonObject ?? throw new UsageException("config.json describes no process");
        string[] environment = ProcessReader.Texts(process["env"]);
        bool isSystemd = WorkloadKind.IsSystemd(bundle.RootPath, ProcessReader.Texts(process["args"]));
        InstalledFiles installed = InstalledFiles.Own(config);
        HostFacts host = HostFacts.Look(config, installed.Library);
        MachineOptions options = MachineOptions.From(environment, config, host, Resources(bundle.Spec, isSystemd), out IReadOnlyList<string> warnings);
        MachineMemory.CheckHugePages(options);
        network.Check(options.SaysHostNetwork);
        LayerChain chain = LayerChain.Of(bundle.RootPath);
        // A machine goes on with the root that it has, whichever is usual by now.
        if (!options.RootIsChosen && ScratchDisk.HoldsRootOf(chain, id)) options = options with { RootIsShare = false };
        HypervisorProgram program = HypervisorProgram.Of(options, host);

        HostDevices.Check(bundle.Spec["linux"]);
        HostDevices.CheckHooks(bundle.Spec["hooks"]);
        JsonNode? mounts = bundle.Spec["mounts"];
        var systems = GuestFileSystems.From(mounts, options.Disks, options.SharesSockets);
        ProcessSpec workload = WorkloadKind.Describe(process, environment, options.Systemd, systems.HasInit);
        timeline.Ended("options");
        Kernel kernel = options.Kernel == ImageKernel.Choice
            ? ImageKernel.Ensure(bundle.RootPath, ImageKernelCache, installed.Machine)
            : new KernelStore(installed.Kernels, installed.Machine).Find(options.Kernel, emulated: !options.UseKvm);
        if (!File.Exists(installed.Guest)) throw new UsageException($"there is no guest program for {ProcessorName.Of(installed.Machine)}: {installed.Guest} is missing; take it from a build for {ProcessorName.Of(installed.Machine)}");
        string initramfs = Initramfs.EnsureFor(kernel, installed.Guest, InitramfsCache);
        timeline.Ended("kernel and initramfs");
        // Before any is made. How many networks the machine has the supervisor will see; one card is there for those to come.
        int ownDisks = 1 + (options.RootIsShare ? 0 : 1) + (kernel.ModulesImagePath == null ? 0 : 1);
        DeviceLimit.Check(program.IsFirecracker, installed.Machine, options.Balloon, ownDisks + options.Disks.Count, cards: 1);
        var disks = MachineDisks.Prepare(chain, id, folder, kernel, options, mounts, program.User, config.ImageCacheBytes);
        timeline.Ended("root image and disks");
        if (options.RootIsShare) systems.Shares.Add(Share.OfRoot(bundle.RootPath));
        // Inherited through the low-level runtime: the file server holds each file that the guest has open.
        if (systems.Shares.Count > 0) CurrentProcess.TryRaiseOpenFiles(Rlimit.MostOpenFiles);
        program.GiveAccess(folder, disks.Disks, [kernel.VmlinuxPath, initramfs]);

        var setup = new Setup
        {
            HostName = bundle.Spec["hostname"]?.GetValue<string>() ?? "",
            DomainName = bundle.Spec["domainname"]?.GetValue<string>() ?? "",
            RootDisk = options.RootIsShare ? null : MachineDisks.Root,
            RootShare = options.RootIsShare ? (uint)systems.Shares.Count : 0,
            ScratchDisk = MachineDisks.Scratch,
            ModulesDisk = kernel.ModulesImagePath == null ? null : MachineDisks.Modules,
            LayerDisk = disks.LayerPaths.Count == 0 ? null : MachineDisks.Layer,
            LayerPaths = disks.LayerPaths,
            MountAllModules = options.MountAllModules,
            Mounts = systems.Mounts(options.Systemd),
            Sockets = [.. systems.Sockets.Select(static socket => new HostSocket(socket.Status.Owner, socket.Status.Group, socket.Status.Permissions))],
            Files = systems.Files,
            Sysctls = Sysctls(bundle.Spec),
            Cgroups = options.Systemd ? CgroupLayout.None : (CgroupLayout)options.CgroupMode,
            Systemd = options.Systemd,
            // systemd is an init itself, and has to be the first process.
            Init = !options.Systemd && (options.Init || systems.HasInit),
            ProcessLimit = ProcessLimit.Of(bundle.Spec["linux"]?["resources"]) ?? 0,
            ReadOnlyRoot = bundle.Spec["root"]?["readonly"]?.GetValue<bool>() ?? false,
        };
        long overhead = MemoryOverhead.Of(options.UseKvm, systems.Shares.Count > 0);
        var description = new MachineDescription
        {
            IsFirecracker = program.IsFirecracker,
            Architecture = installed.Machine,
            UseKvm = options.UseKvm,
            Cpus = options.Cpus,
            MemoryBytes = options.MemoryBytes,
            Balloon = options.Balloon,
            BalloonMebibytes = options.BalloonMebibytes,
            HugePages = options.HugePages,
            PreallocateMemory = options.PreallocateMemory,
            VhostNet = options.VhostNet,
            Hypervisor = program.InSandbox,
            KernelCommandLine = KernelCommandLine.Build(installed.Machine, program.IsFirecracker, options.UseKvm, HostClock.TimestampKilohertz(), options.KernelDebug, options.KernelArguments),
            Disks = [.. disks.Disks.Select(static item => item.Disk)],
            BootTimeout = (int)config.BootTimeout.TotalSeconds,
            LogLevel = (int)options.LogLevel,
            KernelDebug = options.KernelDebug,
            SharesAddresses = network.IsShared,
            MaySpoof = options.MaySpoof || WorkloadKind.IsPrivileged(process),
            Notices = [.. warnings, .. systems.Notices, .. disks.Notices],
            Shares = [.. systems.Shares.Select(static (share, index) => new ServedPath(Share.InSandbox(index), share.ReadOnly, share.Hidden))],
            Sockets = [.. systems.Sockets.Select(static socket => socket.Source)],
            ShareCache = (byte)options.ShareCache,
            SandboxMemoryLimit = MemoryLimit.Of(bundle.Spec["linux"]?["resources"]) is { } limit ? limit + overhead : 0,
            CountsProcesses = setup.ProcessLimit > 0,
        };
        Save(folder.Description, description.Write);
        Save(folder.Setup, setup.Write);
        Save(folder.Process, workload.Write);
        SandboxSpec.Rewrite(bundle.Spec, new SandboxParts
        {
            Skeleton = installed.Sandbox,
            Program = installed.Host,
            Folder = folder.FullPath,
            Vmlinux = kernel.VmlinuxPath,
            Initramfs = initramfs,
            Disks = disks.Disks,
            Files = network.IsShared ? [.. systems.Sources.Select(static file => (NetworkChoice.ResolverOf(file.Source), file.Target))] : systems.Sources,
            Firecracker = program.IsFirecracker ? program.OnHost : null,
            Shares = systems.Shares,
            Sockets = systems.Sockets,
            UseKvm = options.UseKvm,
            VhostNet = options.VhostNet,
            SharesAddresses = network.IsShared,
            MemoryOverhead = overhead,
        });
        if (!options.UseKvm) BootTurns.Ensure();
        string sandbox = bundle.SaveForSandbox();
        timeline.Ended("sandbox's configuration");
        var record = new MachineRecord
        {
            Kernel = kernel.Name,
            Bundle = bundle.Folder,
            Created = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            Disks = [.. disks.Disks.Select(static item => KeyValuePair.Create(item.Disk.Serial, item.Source))],
            Steps = timeline.Steps,
        };
        Save(folder.Record, record.Write);
        LifeEvents.Created(id, description, kernel.Name);
        return sandbox;
    }

    private static void Save(string path, Action<WireWriter> write)
    {
        var writer = new WireWriter();
        write(writer);
        MachineFolder.WriteSecret(path, writer.Written);
    }

    private static SpecResources Resources(JsonObject spec, bool isSystemd)
    {
        JsonNode? resources = spec["linux"]?["resources"];
        return new SpecResources(
            MemoryLimit.Of(resources), resources?["cpu"]?["quota"]?.GetValue<long>(),
            resources?["cpu"]?["period"]?.GetValue<long>(), resources?["cpu"]?["cpus"]?.GetValue<string>(), isSystemd);
    }

    private static List<KeyValuePair<string, string>> Sysctls(JsonObject spec)
        => [.. (spec["linux"]?["sysctl"] as JsonObject ?? []).Select(static item => KeyValuePair.Create(item.Key, item.Value!.GetValue<string>()))];
}
