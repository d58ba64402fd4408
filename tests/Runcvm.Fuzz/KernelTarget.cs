using System.Text;
using Runcvm.Kernels;

namespace Runcvm.Fuzz;

/// <summary>An image's own kernel and the list of its modules; the first byte chooses which.</summary>
internal static class KernelTarget
{
    internal static void Run(byte[] input)
    {
        if (input.Length == 0) return;
        byte[] file = input[1..];
        try
        {
            switch (input[0] % 4)
            {
                case 0: BootImage.Payload(file, "kernel"); break;
                case 1: ElfPacking.Pack(file); break;
                case 2: PvhNote.IsIn(file); break;
                default:
                    ModuleList.InLoadOrder(Encoding.UTF8.GetString(file).Split('\n'), ["a", "b", "virtio_blk"]);
                    break;
            }
        }
        catch (Exception e) when (e is UsageException or InvalidDataException)
        {
            // The promise.
        }
    }
}
