using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Hypervisors;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.WarmStarts;

/// <summary>Makes the saved machine of this host's options. It sees no container: no image, no disk, no
/// network.</summary>
internal sealed class SavedMachineMaking(HostConfig config, SavedMachineStore store)
{
    /// <summary>Makes it where there is none.</summary>
    /// <param name="environment">options as a container would set them</param>
    /// <param name="isNew">whether there was none</param>
    internal SavedMachine Ensure(IReadOnlyList<string> environment, out bool isNew)
    {
        InstalledFiles installed = InstalledFiles.Own(config);
        HostFacts host = HostFacts.Look(config, installed.Library);
        var nothing = new SpecResources(null, null, null, null, false);
        MachineOptions options = MachineOptions.From(environment, config, host, nothing, out _);
        // Where the versions of hypervisors and the speed of the clock are remembered.
        Node.MakeDirectory(MachineFolder.Root, Permission.OwnersFolder);
        HypervisorProgram program = HypervisorProgram.Of(options, host);
        var kernels = new KernelStore(installed.Kernels, installed.Machine);
        Kernel kernel = kernels.Find(options.Kernel, emulated: !options.Hardware.UseKvm);
        string initramfs = Initramfs.EnsureFor(kernel, installed.Guest, InstalledFiles.InitramfsCache);
        SavedSettings settings = SavedSettings.Of(options, program, installed, kernel, initramfs)
            ?? throw new UsageException("machines of this host always boot: only QEMU without KVM restores saved ones, "
                + "on an x86-64 host");
        string key = settings.Key;
        using LockFile @lock = store.Lock();
        store.RemoveUnfinished();
        using SafeFileHandle? there = store.TryOpen(key, out _);
        isNew = there == null;
        if (isNew) Make(settings, key, program, kernel, initramfs);
        return store.All().First(machine => machine.Key == key);
    }

    private void Make(SavedSettings settings, string key, HypervisorProgram program, Kernel kernel, string initramfs)
    {
        string work = store.WorkFolder;
        string tree = Path.Combine(work, "tree");
        string archive = Path.Combine(work, "initramfs");
        string unfinished = store.UnfinishedOf(key);
        try
        {
            Node.MakeDirectory(work, Permission.OwnersFolder);
            Node.MakeDirectory(tree);
            SavedInitramfs.Write(initramfs, archive);
            uint user = HypervisorUsers.Take(work, config.HypervisorUsers);
            // What is mounted goes with this thread.
            CurrentProcess.Unshare(Namespaces.Mount | Namespaces.FileSystemContext);
            MountPoint.SetPropagation("/", MountFlags.Recursive | MountFlags.Private);
            SaverTree.Furnish(tree, Environment.ProcessPath!, program.Files, kernel.VmlinuxPath, archive);
            const Namespaces Own = Namespaces.Pid | Namespaces.Ipc | Namespaces.Uts | Namespaces.Network;
            using (var hypervisor = new UserThread(new Confinement(tree, user, Own)))
            using (FileStream output = File.Create(unfinished))
            using (var loop = new EventLoop())
            {
                loop.Run(async () =>
                {
                    IReadOnlyList<string> before = ConfineVmmVerb.ArgumentsToSave(program.InSandbox);
                    await MachineSaver.RunAsync(
                        loop, settings.Machine with { Before = before }, hypervisor, output, config.BootTimeout);
                    return 0;
                });
            }

            MountPoint.Remove(tree, detach: true);
            store.Publish(key, About(settings, kernel, program));
            store.Shrink(config.WarmCacheBytes);
        }
        finally
        {
            File.Delete(unfinished);
            File.Delete(archive);
        }
    }

    private static string About(SavedSettings settings, Kernel kernel, HypervisorProgram program)
    {
        (int cpus, long memory) = (settings.Machine.Hardware.Cpus, settings.Machine.Hardware.MemoryMebibytes);
        return string.Create(
            CultureInfo.InvariantCulture, $"{kernel.Name}, {cpus} vCPUs, {memory} MiB, QEMU {program.Version}");
    }
}
