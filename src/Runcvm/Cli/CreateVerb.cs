using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Building;
using Runcvm.Hypervisors;
using Runcvm.Images;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Network;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Planning;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Cli;

/// <summary>`runcvm create` (and `run`): turns the container of a bundle into a machine, then becomes the low-level
/// runtime with the same arguments.</summary>
internal static class CreateVerb
{
    private static readonly string[] FlagsWithValue = ["--bundle", "-b", "--console-socket", "--pid-file", "--preserve-fds"];

    /// <param name="command">how the engine called</param>
    /// <param name="config">the host's</param>
    /// <param name="checkpoint">from which the machine goes on; null for one that boots</param>
    internal static int Run(CommandLine command, HostConfig config, Checkpoint? checkpoint = null)
    {
        string id = command.ContainerId(FlagsWithValue) ?? throw new UsageException($"{command.Verb} needs the container's id");
        PreservedFiles.Check(command, FlagsWithValue);
        MachineFolder folder = OwnMachine.FolderOf(command, config, id);
        if (folder.IsRunning) throw new UsageException($"a machine with the id {id} runs already");
        // One that was created and does not run yet has its state from which it will start.
        if (Directory.Exists(Path.Combine(command.Root ?? LowLevelRuntime.DefaultRoot(config.LowLevelRuntime), id)))
            throw new UsageException($"a container with the id {id} exists already");
        var bundle = new Bundle(command.ValueOf(FlagsWithValue, "--bundle", "-b") ?? Environment.CurrentDirectory);
        PodRole role = PodRole.Of(bundle.Spec, bundle.IsPodmans);
        if (role.Part == PodPart.Container) return PodContainerVerb.Run(command, config, bundle, id, role);
        if (folder.IsThere)
        {
            LayerMark.Settle(folder);
            CloneMark.Settle(folder);
        }

        try
        {
            folder.Recreate();
            NetworkChoice network = NetworkChoice.Of(bundle.Spec);
            if (role.Part == PodPart.Sandbox) PodRules.CheckSandbox(bundle.Spec, network);
            IReadOnlyList<SafeFileHandle> sockets = MachineNetwork.Join(bundle.Spec, network, folder.Key);
            (string sandbox, PlannedMachine machine) = Prepare(
                command, bundle, folder, config, network, checkpoint);
            SafeFileHandle[] ofPod = role.Part == PodPart.Sandbox ? [folder.ListenForContainers()] : [];
            SafeFileHandle[] saved = (machine.Moment?.Memory ?? machine.Warm.File) is { } file ? [file] : [];
            SafeFileHandle[] files =
            [
                folder.ListenForControl(), .. ofPod, .. saved, .. machine.NamespacePrograms?.All ?? [],
                .. MachineNetwork.Load(machine.Options.Egress, folder), .. sockets,
            ];
            HandedFiles.Place(files);
            LowLevelRuntime.Execute(config.LowLevelRuntime, Arguments(command, sandbox),
                HandedFiles.Variables(files.Length));
        }
        catch (Exception e)
        {
            folder.Remove();
            MachineNetwork.RemoveLeftOvers();
            LifeEvents.NotCreated(id, Reason.Of(e));
            throw;
        }

        return 1;
    }

    internal static IReadOnlyList<string> Arguments(CommandLine command, string sandbox)
        => command.With(FlagsWithValue, sandbox, "--bundle", "-b");

    private static bool IsForeground(CommandLine command)
        => command.Verb == "run" && !command.HasFlag(FlagsWithValue, "--detach", "-d", "--keep");

    private static (string Sandbox, PlannedMachine Machine) Prepare(
        CommandLine command, Bundle bundle, MachineFolder folder, HostConfig config, NetworkChoice network,
        Checkpoint? checkpoint)
    {
        var timeline = new Timeline();
        timeline.Ended(Timeline.Begin);
        PlannedMachine machine = Plan(command, bundle, folder, config, network, timeline, checkpoint);
        // Inherited through the low-level runtime: the file server holds each file that the guest has open.
        if (machine.Systems.Shares.Count > 0) CurrentProcess.TryRaiseOpenFiles(Rlimit.MostOpenFiles);
        machine.Program.GiveAccess(machine.HypervisorUser, folder, machine.Disks.Disks, [machine.Kernel.VmlinuxPath, machine.Initramfs]);
        MachineDescription description = machine.Description();
        machine.Moment?.Check(machine, folder, timeline);
        machine.MakeMountPoints();
        const string TooMany = "the container has too many mounts, files and settings for a machine";
        Save(folder.Description, description, TooMany);
        Save(folder.Setup, machine.Setup(), TooMany);
        Save(folder.Process, machine.Workload, $"exec {machine.Workload.Arguments[0]}: argument list too long");
        // Last: from here on the limits in it are the sandbox's.
        SandboxSpec.Rewrite(bundle.Spec, machine.Parts());
        if (IsForeground(command)) SandboxHooks.ForgetAtTheEnd(bundle.Spec, machine.Installed.Host, folder.Key);
        if (!machine.Options.Hardware.UseKvm) BootTurns.Ensure();
        SandboxSkeleton.Ensure();
        string sandbox = bundle.SaveForSandbox();
        timeline.Ended("sandbox's configuration");
        Save(folder.Record, machine.Record(timeline), TooMany);
        LifeEvents.Created(folder.Id, description, machine.Kernel.Name);
        return (sandbox, machine);
    }

    // Whatever is wrong with the request is found here, and what takes long is done last.
    private static PlannedMachine Plan(CommandLine command, Bundle bundle, MachineFolder folder, HostConfig config,
        NetworkChoice network, Timeline timeline, Checkpoint? checkpoint)
    {
        JsonObject process = bundle.Spec["process"] as JsonObject ?? throw new UsageException("config.json describes no process");
        bool isPod = PodRole.Of(bundle.Spec, bundle.IsPodmans).Part == PodPart.Sandbox;
        string[] environment = isPod ? PodRules.Options(bundle.Spec) : ProcessReader.Texts(process["env"]);
        bool isSystemd = WorkloadKind.IsSystemd(bundle.RootPath, ProcessReader.Texts(process["args"]));
        InstalledFiles installed = InstalledFiles.Own(config);
        HostFacts host = HostFacts.Look(config, installed.Library);
        SpecResources resources = isPod ? PodRules.Resources(bundle.Spec, environment, config.PodMemoryBytes)
            : Resources(bundle.Spec, isSystemd);
        MachineOptions options =
            MachineOptions.From(environment, config, host, resources, out IReadOnlyList<string> warnings);
        if (isPod) PodRules.Check(options);
        MachineMemory.CheckHugePages(options.Hardware);
        network.Check(options.SaysHostNetwork);
        IReadOnlyList<MountInfo> hostMounts = MountInfo.ReadAll();
        LayerChain chain = LayerChain.Of(bundle.RootPath, hostMounts);
        CloneMark.TakeBack(ScratchDisk.PathOf(chain, folder.Key), options.Template != null);
        // A machine goes on with the root that it has, whichever is usual by now.
        bool isOnDisk = checkpoint != null || ScratchDisk.HoldsRootOf(chain, folder.Key);
        if (!options.RootIsChosen && isOnDisk) options = options with { RootIsShare = false };
        HypervisorProgram program = HypervisorProgram.Of(options, host);
        if (!isPod) HostDevices.Check(bundle.Spec["linux"]);
        UserNamespace.Check(bundle.Spec["linux"]);
        HostDevices.CheckHooks(bundle.Spec["hooks"]);
        SandboxHooks.Check(bundle.Spec["hooks"]);
        JsonNode? mounts = isPod ? null : bundle.Spec["mounts"];
        var systems = GuestFileSystems.From(mounts, options.Disks, options.SharesSockets);
        ProcessSpec workload = WorkloadKind.Describe(process, environment, options, systems.HasInit, bundle.IsPodmans);
        // What an earlier machine wrote to its disk nobody sees from here.
        bool isWhole = options.RootIsShare || !ScratchDisk.HoldsRootOf(chain, folder.Key);
        if (!isPod && isWhole)
        {
            WorkloadProgram.Check(
                bundle.RootPath, workload, mounts, options.Disks.Select(static disk => disk.Target));
        }

        timeline.Ended("options");
        BuilderGroup.Parent = CgroupParent.Of(bundle.Spec["linux"]);
        Kernel kernel = ChooseKernel(options, installed, bundle.RootPath, folder, config.ImageCacheBytes);
        string initramfs = Initramfs.EnsureFor(kernel, installed.Guest, InstalledFiles.InitramfsCache);
        timeline.Ended("kernel and initramfs");
        uint user = HypervisorUsers.Take(folder.FullPath, config.HypervisorUsers);
        // Where `create` was killed, what it had started for an earlier machine may live on.
        BuilderIdentity.EndAllOf(user);
        // How many networks the machine has the supervisor will see; one card is there for those to come.
        int ownDisks = 1 + (options.RootIsShare ? 0 : 1) + (kernel.ModulesImagePath == null ? 0 : 1);
        DeviceLimit.Check(program.Kind.Name, program.Kind.Places(installed.Machine), options.Hardware.Balloon,
            ownDisks + options.Disks.Count, cards: 1);
        SavedMoment? moment = checkpoint != null ? CheckpointChoice.Of(checkpoint, options)
            : TemplateChoice.Of(options, config, new TemplateStore(), chain, folder);
        // Until the machine runs nobody else is its user.
        var bounds = new BuildBounds(user, config.ImageCacheBytes);
        var disks = MachineDisks.Prepare(
            chain, folder, kernel, options, mounts, program.OwnerOfDisks(user), bounds, moment);
        timeline.Ended("root image and disks");
        if (isPod) systems.Shares.Add(Share.OfNothing(SandboxSkeleton.Nothing));
        else if (options.RootIsShare) systems.Shares.Add(Share.OfRoot(bundle.RootPath));
        var programs = NamespacePrograms.TryLoad(out string problem);
        if (programs == null) warnings = [.. warnings, NamespacePrograms.Notice(problem)];
        // Without systemd the guest mounts them, and says what it could not.
        if (options is { Systemd: true, CgroupMode: CgroupMode.V1 } && OldCgroups.Notice(kernel) is { } lack)
            warnings = [.. warnings, lack];
        // A pod's containers come by the device for shares, which a saved machine has not.
        var warm = WarmChoice.Of(isPod || moment != null ? WarmStart.Never : options.Warm, systems.Shares.Count > 0,
            () => SavedSettings.Of(options, program, installed, kernel, initramfs), new SavedMachineStore());
        return new PlannedMachine
        {
            Bundle = bundle,
            IsPod = isPod,
            Folder = folder.FullPath,
            Installed = installed,
            Options = options,
            Program = program,
            HypervisorUser = user,
            Kernel = kernel,
            Initramfs = initramfs,
            Warm = warm,
            Moment = moment,
            Systems = systems,
            Disks = disks,
            Workload = workload,
            MaySpoof = options.MaySpoof || WorkloadKind.IsPrivileged(process),
            SharesAddresses = network.IsShared,
            NamespacePrograms = programs,
            BootTimeout = config.BootTimeout,
            Warnings = warnings,
            Cgroups = command.HasNoCgroups ? HostCgroups.None : HostCgroups.Of(hostMounts),
            Mounts = hostMounts,
        };
    }

    private static Kernel ChooseKernel(
        MachineOptions options, InstalledFiles installed, string root, MachineFolder folder, long cacheSize)
    {
        Kernel kernel = options.Kernel == ImageKernel.Choice
            ? KernelOfImage(root, installed.Machine, folder, cacheSize)
            : new KernelStore(installed.Kernels, installed.Machine).Find(options.Kernel, emulated: !options.Hardware.UseKvm);
        string processor = ProcessorName.Of(installed.Machine);
        return File.Exists(installed.Guest)
            ? kernel
            : throw new UsageException($"there is no guest program for {processor}: {installed.Guest} is missing; take it from a build for {processor}");
    }

    private static Kernel KernelOfImage(string root, Architecture machine, MachineFolder folder, long cacheSize)
    {
        Kernel kernel = ImageKernel.Ensure(root, InstalledFiles.ImageKernels, machine,
            key => File.WriteAllText(folder.ImageKernel, key), out bool isNew);
        if (isNew) new ImageKernelEviction(InstalledFiles.ImageKernels, InstalledFiles.InitramfsCache,
            static () => MachineFolder.ImageKernelsInUse()).Shrink(cacheSize);
        return kernel;
    }

    private static void Save<T>(string path, T value, string tooLong)
        where T : IWireValue<T>
    {
        ReadOnlySpan<byte> bytes = WireBytes.Of(value);
        // What the supervisor adds, as to interfaces and files of the engine, is much less than that.
        const int LeftForMore = 1024 * 1024;
        int most = MessageReader.MaxLength - LeftForMore;
        int length = bytes.Length;
        if (length > most) throw new UsageException($"{tooLong} ({length} bytes, of at most {most})");
        MachineFolder.WriteSecret(path, bytes);
    }

    private static SpecResources Resources(JsonObject spec, bool isSystemd)
    {
        JsonNode? resources = spec["linux"]?["resources"];
        return new SpecResources(
            MemoryLimit.Of(resources), resources?["cpu"]?["quota"]?.GetValue<long>(),
            resources?["cpu"]?["period"]?.GetValue<long>(), resources?["cpu"]?["cpus"]?.GetValue<string>(), isSystemd);
    }
}
