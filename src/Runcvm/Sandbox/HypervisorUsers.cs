using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Options;

namespace Runcvm.Sandbox;

/// <summary>Gives each machine's hypervisor a user of its own, so that no two machines share one. A file for each user names the state
/// folder of its machine. A user whose machine's folder is gone is free again: nothing has to be released, and a crash leaks none.</summary>
internal static class HypervisorUsers
{
    /// <summary>On the host, where no sandbox sees it.</summary>
    internal const string Folder = "/run/runcvm-users";

    private const int LongestOwner = 4096;

    // The files stay, in memory: no more of them than this, unless so many machines run at once.
    private const uint Spread = 4096;

    /// <summary>A user for the machine, the same one for as long as its folder is there.</summary>
    /// <param name="machine">the machine's state folder, which must exist</param>
    /// <param name="users">which ones there are</param>
    /// <param name="folder">where the users' files lie</param>
    /// <exception cref="UsageException">all are taken</exception>
    internal static uint Take(string machine, UserRange users, string folder = Folder)
    {
        Node.MakeDirectory(folder, Permission.OwnersFolder);
        // Spread, so that a search is short and a user that was just let go is not the next to be given.
        uint start = Hash(machine) % Math.Min(users.Count, Spread);
        for (uint i = 0; i < users.Count; i++)
        {
            uint user = users.First + ((start + i) % users.Count);
            if (TryTake(Path.Combine(folder, user.ToString(CultureInfo.InvariantCulture)), machine)) return user;
        }

        throw new UsageException($"all {users.Count} users for hypervisors are taken by machines; give vmm_users in {HostConfig.File} a wider range");
    }

    private static bool TryTake(string path, string machine)
    {
        using SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.NoFollow, Permission.OwnersFile);
        if (!FileDescriptor.TryLock(file)) return false;
        byte[] content = FileDescriptor.ReadToEnd(file);
        string owner = content.Length <= LongestOwner ? Encoding.UTF8.GetString(content) : "";
        if (owner == machine) return true;
        if (owner.Length > 0 && Directory.Exists(owner)) return false;
        using SafeFileHandle written = FileDescriptor.Open(path, OpenFlags.WriteOnly | OpenFlags.Truncate | OpenFlags.NoFollow);
        FileDescriptor.WriteAll(written, Encoding.UTF8.GetBytes(machine));
        return true;
    }

    // FNV-1a: the same on every run, unlike string.GetHashCode.
    private static uint Hash(string text) => Encoding.UTF8.GetBytes(text).Aggregate(2166136261, static (hash, b) => unchecked((hash ^ b) * 16777619));
}
