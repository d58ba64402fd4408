using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Building;
using Runcvm.HostFiles;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>One EROFS image for each chain of layers, shared by all machines of that image. With the image there, a
/// look at it costs a few system calls; else it is built under a lock and appears under its name only when whole.</summary>
internal sealed class RootImageCache(
    string folder = RootImageCache.DefaultFolder, string builder = "/proc/self/exe", TimeSpan? longestBuild = null)
{
    internal const string DefaultFolder = "/var/lib/runcvm/images";

    // A host whose disk is full to the last block has other troubles than an image that is missing.
    private const long LeftForOthers = 256L << 20;

    private const string Extension = ".erofs";
    private const string UnfinishedMark = ".tmp-";

    /// <summary>The image's file. Whoever asks has said before, in its state folder, that it uses the image: else it could be
    /// gone a moment later.</summary>
    /// <param name="chain">what it is made of</param>
    /// <param name="bounds">of the build</param>
    /// <param name="built">null when the image was there, or another process built it meanwhile</param>
    internal string Ensure(LayerChain chain, BuildBounds bounds, out BuildReport? built)
    {
        string image = PathOf(chain.Key);
        built = null;
        if (IsThere(image)) return image;

        Node.MakeDirectory(folder, Permission.OwnersFolder);
        using LockFile @lock = LockFile.Acquire(LockOf(chain.Key));
        if (IsUsable(image, out string? fault)) return image;
        if (fault is not null) File.Delete(image);
        built = Build(chain, image, bounds, fault ?? "there was no image of these layers yet");
        return image;
    }

    internal string PathOf(string key) => Path.Combine(folder, key + Extension);

    internal string LockOf(string key) => Path.Combine(folder, key + ".lock");

    /// <summary>The folders an image was made of, the uppermost first, a line each: for people.</summary>
    internal string LayersOf(string key) => Path.Combine(folder, key + ".layers");

    /// <summary>How much of an image is there while it is being built.</summary>
    internal long UnfinishedBytes(string key)
        => Directory.EnumerateFiles(folder, $"{key}{Extension}{UnfinishedMark}*").Sum(static file => (long)(FileStatus.TryOf(file)?.Size ?? 0));

    /// <summary>Held by those who look for their image, shared, and by whoever removes one.</summary>
    internal string StartsLock => Path.Combine(folder, ".starts");

    /// <summary>Keys of the images that are there, and of those being built.</summary>
    internal IEnumerable<string> Keys()
    {
        if (!Directory.Exists(folder)) return [];
        IEnumerable<string> files = Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file));
        return files.Where(name => name.EndsWith(Extension, StringComparison.Ordinal) || name.EndsWith(".lock", StringComparison.Ordinal))
            .Select(name => Path.GetFileNameWithoutExtension(name)).Distinct().Order(StringComparer.Ordinal);
    }

    /// <summary>Removes what builders and a crash of the host left behind.</summary>
    internal void RemoveLeftovers()
    {
        if (!Directory.Exists(folder)) return;
        RemoveUnfinished(ownKey: "");
        foreach (string list in Directory.EnumerateFiles(folder, "*.layers"))
        {
            string key = Path.GetFileNameWithoutExtension(list);
            using LockFile? unused = LockFile.TryAcquire(LockOf(key));
            if (unused is not null && !File.Exists(PathOf(key))) File.Delete(list);
        }
    }

    // Shared with other starts; whoever removes images waits until none looks, and looks then who uses what.
    private bool IsThere(string image)
    {
        using SafeFileHandle? starts = FileDescriptor.TryOpen(StartsLock, OpenFlags.ReadWrite | OpenFlags.Create, Permission.OwnersFile);
        if (starts is null) return false;
        FileDescriptor.LockShared(starts);
        return IsUsable(image, out _);
    }

    private static bool IsUsable(string image, out string? fault)
    {
        fault = null;
        try
        {
            fault = ErofsImage.FaultOf(image) is { } reason ? $"the image in the cache was damaged ({reason})" : null;
            if (fault is not null) return false;
            File.SetLastWriteTimeUtc(image, DateTime.UtcNow); // the last use, for `runcvm images`
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    private BuildReport Build(LayerChain chain, string image, BuildBounds bounds, string reason)
    {
        var clock = Stopwatch.StartNew();
        RemoveUnfinished(chain.Key);
        string mkfs = Tool.Find("mkfs.erofs", "erofs-utils");
        string work = Path.Combine(folder, "work");
        string unfinished = $"{image}{UnfinishedMark}{Environment.ProcessId}";
        try
        {
            // Only a mount point: each builder mounts in a namespace of its own, so all can use the same one.
            Node.MakeDirectory(work, Permission.OwnersFolder);
            long room = Math.Max(LeftForOthers, new DriveInfo(folder).AvailableFreeSpace - LeftForOthers);
            BuildBounds here = bounds with { MostBytes = Math.Min(bounds.MostBytes, room) };
            List<string> arguments =
                ["runcvm", "build-image", .. BuildVerb.Arguments(mkfs, unfinished, here, work, chain.Layers)];
            // First, so that people see which image is being built.
            File.WriteAllLines(LayersOf(chain.Key), chain.Layers);
            // Nobody may go on writing to what is about to be everybody's image.
            using var group = BuilderGroup.Make();
            string? failure = Tool.Run(builder, arguments, longestBuild ?? BuilderTree.Longest, group,
                () => BuilderIdentity.EndAllOf(bounds.User));
            if (failure != null) throw Explain(chain, failure);
            Publish(unfinished, image);
        }
        catch (Linux.LinuxException e)
        {
            throw Explain(chain, e.Message);
        }
        finally
        {
            File.Delete(unfinished);
        }

        if (!chain.IsImage) RemoveOtherStates(chain);
        return new BuildReport(clock.Elapsed.TotalSeconds, new FileInfo(image).Length, reason);
    }

    // In this order: after a crash of the host a file under the final name has its content.
    private void Publish(string unfinished, string image)
    {
        Node.SetOwner(unfinished, 0, 0);
        // Its maker could have let everybody write to it.
        Node.SetPermissionsAlone(unfinished, Permission.PlainFile);
        FileDescriptor.SyncAt(unfinished);
        if (ErofsImage.FaultOf(unfinished) is { } fault) throw new UsageException($"mkfs.erofs made a file that is no image: {fault}");
        File.Move(unfinished, image, overwrite: true);
        FileDescriptor.SyncAt(folder);
    }

    // Only the holder of a key's lock writes its unfinished file, so whatever lies there unlocked is of a dead builder.
    private void RemoveUnfinished(string ownKey)
    {
        foreach (string file in Directory.EnumerateFiles(folder, $"*{Extension}{UnfinishedMark}*"))
        {
            string name = Path.GetFileName(file);
            string key = name[..name.IndexOf(Extension, StringComparison.Ordinal)];
            if (key == ownKey)
            {
                File.Delete(file);
                continue;
            }

            using LockFile? unused = LockFile.TryAcquire(LockOf(key));
            if (unused is not null) File.Delete(file);
        }
    }

    // A machine that still runs on an older state keeps its open file; nothing else can ask for that state again.
    private void RemoveOtherStates(LayerChain chain)
    {
        foreach (string key in Keys().Where(key => key.StartsWith(LayerKey.FolderPrefix(chain.Root), StringComparison.Ordinal)))
        {
            if (key == chain.Key) continue;
            File.Delete(PathOf(key));
            File.Delete(LayersOf(key));
        }
    }

    private UsageException Explain(LayerChain chain, string failure)
    {
        string wayOut = failure.StartsWith(TreeSize.TooLarge, StringComparison.Ordinal)
            ? $"; image_cache_size and the room in {folder} allow no more, and RUNCVM_ROOTFS=share needs no image"
            : LongName.Explanation(chain.Layers);
        return Tool.Failure($"the root image of {chain.Root}", folder, failure + wayOut);
    }
}
