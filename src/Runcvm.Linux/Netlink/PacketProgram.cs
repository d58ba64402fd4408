using System.Buffers.Binary;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

/// <summary>A program that looks at a frame, from the first byte of its Ethernet header, and drops it or lets the next filter
/// decide: classic BPF, see bpf(4) of BSD and the kernel's Documentation/networking/filter.rst. Jumps lead forwards only, so
/// it always ends; a load beyond the frame's end drops it.</summary>
public sealed class PacketProgram
{
    // struct sock_filter: u16 code, u8 jump if true, u8 jump if false, u32 operand
    private const int InstructionSize = 8;

    private readonly List<(ushort Code, int True, int False, uint Operand)> _instructions = [];
    private readonly List<int> _labels = [];

    /// <summary>One that drops every frame.</summary>
    public static PacketProgram Nothing()
    {
        var program = new PacketProgram();
        program.Drop();
        return program;
    }

    /// <summary>A place to jump to, which <see cref="Place"/> must follow.</summary>
    public int Label()
    {
        _labels.Add(-1);
        return _labels.Count - 1;
    }

    /// <summary>The label stands for what comes next.</summary>
    public void Place(int label) => _labels[label] = _instructions.Count;

    /// <summary>Reads 1, 2 or 4 bytes of the frame, as numbers are on the network.</summary>
    public void Load(int offset, int size = 4)
    {
        int width = size switch { 1 => Libc.BPF_B, 2 => Libc.BPF_H, _ => Libc.BPF_W };
        _instructions.Add(((ushort)(Libc.BPF_LD | width | Libc.BPF_ABS), 0, 0, (uint)offset));
    }

    /// <summary>Reads 1 if the frame had a VLAN tag, which the kernel takes out of it.</summary>
    public void LoadHasVlanTag()
        => _instructions.Add((Libc.BPF_LD | Libc.BPF_W | Libc.BPF_ABS, 0, 0, unchecked((uint)(Libc.SKF_AD_OFF + Libc.SKF_AD_VLAN_TAG_PRESENT))));

    /// <summary>Reads the mark that the kernel keeps with the frame (SO_MARK).</summary>
    public void LoadMark()
        => _instructions.Add(
            (Libc.BPF_LD | Libc.BPF_W | Libc.BPF_ABS, 0, 0, unchecked((uint)(Libc.SKF_AD_OFF + Libc.SKF_AD_MARK))));

    /// <summary>Reads how long the frame is.</summary>
    public void LoadLength() => _instructions.Add((Libc.BPF_LD | Libc.BPF_W | Libc.BPF_LEN, 0, 0, 0));

    /// <summary>Keeps these bits of what was read last.</summary>
    public void And(uint bits) => _instructions.Add((Libc.BPF_ALU | Libc.BPF_AND | Libc.BPF_K, 0, 0, bits));

    /// <summary>Jumps if what was read last is larger.</summary>
    public void JumpIfMore(uint value, int label)
        => _instructions.Add((Libc.BPF_JMP | Libc.BPF_JGT | Libc.BPF_K, label, -1, value));

    /// <summary>Jumps if what was read last is <paramref name="value"/>.</summary>
    public void JumpIf(uint value, int label) => _instructions.Add((Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, label, -1, value));

    /// <summary>Jumps if what was read last is something else.</summary>
    public void JumpUnless(uint value, int label) => _instructions.Add((Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, -1, label, value));

    /// <summary>Jumps if what was read last has any of these bits.</summary>
    public void JumpIfAny(uint bits, int label) => _instructions.Add((Libc.BPF_JMP | Libc.BPF_JSET | Libc.BPF_K, label, -1, bits));

    /// <summary>Jumps if the frame has these bytes at a place. It is they that were read last, then.</summary>
    /// <param name="offset">of the first of them</param>
    /// <param name="bytes">a multiple of 4 of them, and at least 4</param>
    /// <param name="label">where to</param>
    public void JumpIfSame(int offset, ReadOnlySpan<byte> bytes, int label)
    {
        int next = Label();
        for (int i = 0; i < bytes.Length; i += 4)
        {
            uint word = BinaryPrimitives.ReadUInt32BigEndian(bytes[i..]);
            Load(offset + i);
            if (i + 4 < bytes.Length) JumpUnless(word, next);
            else JumpIf(word, label);
        }

        Place(next);
    }

    /// <summary>Drops the frame.</summary>
    public void Drop() => Return(Libc.TC_ACT_SHOT);

    /// <summary>Lets the frame go on its way: no further filter sees it.</summary>
    public void Keep() => Return(Libc.TC_ACT_OK);

    /// <summary>Leaves the frame to the next filter.</summary>
    public void Pass() => Return(Libc.TC_ACT_UNSPEC);

    /// <summary>Chooses the frame. Only for <see cref="RouteNetlink.AddIngressMirror"/>.</summary>
    public void Match() => Return(1);

    /// <summary>Leaves the frame to the next filter. Only for <see cref="RouteNetlink.AddIngressMirror"/>.</summary>
    public void NoMatch() => Return(0);

    /// <summary>How many instructions it has.</summary>
    public int Length => _instructions.Count;

    /// <summary>Whether the other one does the same, instruction by instruction.</summary>
    public bool IsSame(PacketProgram other) => ToBytes().AsSpan().SequenceEqual(other.ToBytes());

    internal byte[] ToBytes()
    {
        byte[] bytes = new byte[_instructions.Count * InstructionSize];
        for (int i = 0; i < _instructions.Count; i++)
        {
            (ushort code, int whenTrue, int whenFalse, uint operand) = _instructions[i];
            Span<byte> item = bytes.AsSpan(i * InstructionSize);
            BinaryPrimitives.WriteUInt16LittleEndian(item, code);
            if ((code & 7) == Libc.BPF_JMP)
            {
                item[2] = Distance(i, whenTrue);
                item[3] = Distance(i, whenFalse);
            }

            BinaryPrimitives.WriteUInt32LittleEndian(item[4..], operand);
        }

        return bytes;
    }

    private byte Distance(int from, int label)
    {
        if (label < 0) return 0;
        int distance = _labels[label] - from - 1;
        return distance is >= 0 and <= byte.MaxValue
            ? (byte)distance
            : throw new InvalidOperationException($"a jump over {distance} instructions is none of this program's");
    }

    private void Return(int verdict) => _instructions.Add((Libc.BPF_RET | Libc.BPF_K, 0, 0, unchecked((uint)verdict)));
}
