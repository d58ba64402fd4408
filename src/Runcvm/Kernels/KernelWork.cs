using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Makes a kernel ready in a folder beside the store's kernels and moves it in when it is whole. One at a time: so
/// that whatever lies in that folder is garbage of someone who did not come to an end.</summary>
internal sealed class KernelWork : IDisposable
{
    private readonly KernelStore _store;
    private readonly SafeFileHandle _oneAtATime;

    public KernelWork(KernelStore store)
    {
        _store = store;
        Node.MakeDirectory(store.Root);
        _oneAtATime = FileDescriptor.Open(Path.Combine(store.Root, ".lock"), OpenFlags.WriteOnly | OpenFlags.Create, Permission.OwnersFile);
        FileDescriptor.Lock(_oneAtATime);
        TreeRemoval.Remove(Folder);
        Node.MakeDirectory(Folder);
    }

    /// <summary>Emptied before, and removed after.</summary>
    public string Folder => Path.Combine(_store.Root, ".work");

    /// <summary>Unpacks the kernel, checks that it will do, and makes it <c>DIST/RELEASE</c> of the store.</summary>
    public Kernel Publish(KernelFiles kernel, string dist)
    {
        string folder = Path.Combine(Folder, "kernel");
        Node.MakeDirectory(folder);
        WriteImage(BootImage.Unpack(kernel.ReadImage(), Folder, kernel.ImageName, _store.Machine), kernel.ImageName, folder);
        byte[]? config = kernel.TryReadConfig();
        if (config is not null)
        {
            string path = Path.Combine(folder, "config");
            File.WriteAllBytes(path, config);
            KernelNeeds.Check(new KernelConfig(File.ReadLines(path)), kernel.ImageName, _store.Machine);
        }

        using SafeFileHandle? modules = kernel.TryOpenModules();
        if (modules is not null) WriteModules(modules, config, kernel.Release, folder);
        return Publish(folder, dist, kernel.Release, kernel.Release);
    }

    /// <summary>Makes a prepared folder <c>DIST/VERSION</c> of the store.</summary>
    public Kernel Publish(string folder, string dist, string version, string release)
    {
        if (!KernelStore.IsName(dist) || dist == ImageKernel.Choice) throw new UsageException($"'{dist}' cannot be the first half of a kernel's name");
        File.WriteAllText(Path.Combine(folder, "release"), release + "\n");
        foreach (string path in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
            FileDescriptor.SyncAt(path);

        string target = Path.Combine(_store.Root, dist, version);
        Node.MakeDirectory(Path.GetDirectoryName(target)!);
        if (Directory.Exists(target)) Directory.Move(target, Path.Combine(Folder, "replaced"));
        Directory.Move(folder, target);
        return _store.Choose($"{dist}/{version}", "runcvm kernel");
    }

    public static void WriteImage(byte[] kernel, string name, string folder)
    {
        if (BootImage.IsElf(kernel) && !PvhNote.IsIn(kernel))
            throw new UsageException($"{name} cannot be booted directly: it is built without CONFIG_PVH");
        File.WriteAllBytes(Path.Combine(folder, "vmlinux"), kernel);
    }

    public void Dispose()
    {
        TreeRemoval.Remove(Folder);
        _oneAtATime.Dispose();
    }

    private void WriteModules(SafeFileHandle modules, byte[]? config, string release, string folder)
    {
        string place = Path.Combine(Folder, "modules");
        string prepared = ModuleFolder.Prepare(modules, release, place);
        // kubeadm's preflight and the check-config scripts of Docker and k3s look for it there.
        if (config is not null) File.WriteAllBytes(Path.Combine(prepared, "config"), config);
        ModuleFolder.CopyForBoot(prepared, Path.Combine(folder, "boot-modules"));
        ModuleFolder.MakeImage(prepared, place, Path.Combine(folder, "modules.erofs"));
    }
}
