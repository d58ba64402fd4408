using Microsoft.Win32.SafeHandles;
using Runcvm.FileServing;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>What the containers of a pod get of the host. One file or folder is served once, however many of them have
/// it: to the guest's kernel it must be one, for sockets, mapped memory and inotify in it to work between
/// them.</summary>
/// <param name="roots">to the file server</param>
/// <param name="link">to the guest</param>
internal sealed class PodShares(PassingRoots roots, GuestLink link)
{
    // A pod of many containers, each with many volumes, has not as many. Each costs descriptors.
    private const int Most = 2048;

    private readonly Dictionary<(ulong FileSystem, ulong Inode, bool ReadOnly), uint> _byFile = [];
    private readonly Dictionary<uint, (int Users, (ulong FileSystem, ulong Inode, bool ReadOnly) Key)> _users = [];
    private readonly Turns _one = new(1);

    // The guest counts from 1 on, and the first share is the machine's own. None is ever given twice: the guest's
    // kernel may remember what was there.
    private uint _last = 1;

    /// <summary>Has the files served.</summary>
    /// <param name="trees">of the host, each with whether it is for reading only; they stay the caller's</param>
    /// <param name="taken">gets the number of each, also when one of them fails</param>
    /// <exception cref="UsageException">the pod has too many</exception>
    internal async Task TakeAsync(IEnumerable<(SafeFileHandle Tree, bool ReadOnly)> trees, List<uint> taken)
    {
        using Turns.Turn turn = _one.NotYet();
        await turn.TakeAsync();
        foreach ((SafeFileHandle tree, bool readOnly) in trees) taken.Add(await TakeAsync(tree, readOnly));
    }

    /// <summary>Gives up what a container had. What no other has is served no longer.</summary>
    internal async Task ReleaseAsync(IReadOnlyList<uint> shares)
    {
        var lost = new List<uint>();
        using (Turns.Turn turn = _one.NotYet())
        {
            await turn.TakeAsync();
            foreach (uint share in shares)
            {
                (int users, (ulong, ulong, bool) key) = _users[share];
                if (users > 1)
                {
                    _users[share] = (users - 1, key);
                    continue;
                }

                _users.Remove(share);
                _byFile.Remove(key);
                await roots.RemoveAsync(share - 1);
                lost.Add(share);
            }
        }

        // After the turn: a guest that does not listen keeps nobody else waiting.
        if (lost.Count > 0) await link.SendAsync(new LoseShares(lost));
    }

    private async Task<uint> TakeAsync(SafeFileHandle tree, bool readOnly)
    {
        FileStatus status = FileStatus.Of(tree);
        (ulong, ulong, bool) key = (status.FileSystem, status.Inode, readOnly);
        // One that another container may write to is read-only in the guest: the pod has the right anyway.
        if (_byFile.TryGetValue((status.FileSystem, status.Inode, false), out uint there)
            || _byFile.TryGetValue(key, out there))
        {
            (int users, (ulong, ulong, bool) known) = _users[there];
            _users[there] = (users + 1, known);
            return there;
        }

        if (_users.Count == Most) throw new UsageException($"the containers of the pod have more than {Most} mounts");
        uint share = ++_last;
        await roots.AddAsync(share - 1, readOnly, tree);
        _byFile.Add(key, share);
        _users.Add(share, (1, key));
        return share;
    }
}
