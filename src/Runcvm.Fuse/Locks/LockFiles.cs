using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse.Locks;

/// <summary>Open file descriptions by which the guest's processes lock.</summary>
internal static class LockFiles
{
    /// <summary>Opens a file once more. To be opened for writing makes an overlay copy a file up, and is told to whoever watches it: so that
    /// is done only for who could write to it already.</summary>
    /// <param name="node">any descriptor of the file</param>
    /// <param name="writable">whether write locks may be asked for</param>
    /// <param name="highest">number that no descriptor may have</param>
    /// <param name="file">the result</param>
    /// <returns>0 or a negative errno</returns>
    internal static int Open(SafeFileHandle node, bool writable, nint highest, out SafeFileHandle file)
    {
        int error = FileCall.Reopen(node, (writable ? OpenFlags.ReadWrite : OpenFlags.ReadOnly) | OpenFlags.NonBlocking, 0, out file);
        if (error == 0 && DescriptorLimit.IsReachedBy(file, highest)) error = -(int)Errno.ENOLCK;
        if (error < 0) file.Dispose();
        return error;
    }

    /// <summary>Locks by one description what another holds read locks on, which are not in each other's way.</summary>
    /// <returns>0 or a negative errno</returns>
    internal static int CopyLocks(SafeFileHandle from, SafeFileHandle to)
    {
        // "lock:  1: OFDLCK ADVISORY READ -1 08:01:1234 0 EOF": proc(5), and the kernel's lock_get_status().
        const int Kind = 4;
        const int First = 7;
        const int Last = 8;
        foreach (string line in File.ReadLines($"/proc/self/fdinfo/{from.DangerousGetHandle()}"))
        {
            string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words is not ["lock:", _, "OFDLCK", ..] || words.Length <= Last || words[Kind] != "READ") continue;
            long first = long.Parse(words[First], CultureInfo.InvariantCulture);
            long length = words[Last] == "EOF" ? 0 : long.Parse(words[Last], CultureInfo.InvariantCulture) - first + 1;
            int error = FileCall.SetLock(to, new RangeLock(0, first, length));
            if (error < 0) return error;
        }

        return 0;
    }
}
