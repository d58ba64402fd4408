namespace Runcvm.Linux.Processes;

/// <summary>Numbers of the system calls that profiles of container engines may name beside those of
/// <see cref="SystemCallTable"/>: together they are all of Linux 6.17.</summary>
internal static class ProfileCallTable
{
    // As in the other table. From 424 on the numbers are the same on every processor.
    private const string Rows = """
        _sysctl 156 -
        acct 163 89
        add_key 248 217
        adjtimex 159 171
        afs_syscall 183 -
        alarm 37 -
        cachestat 451 451
        clock_adjtime 305 266
        clock_settime 227 112
        create_module 174 -
        delete_module 176 106
        epoll_ctl_old 214 -
        epoll_wait_old 215 -
        fanotify_init 300 262
        fanotify_mark 301 263
        fchmodat2 452 452
        file_getattr 468 468
        file_setattr 469 469
        finit_module 313 273
        fsconfig 431 431
        fsmount 432 432
        fsopen 430 430
        fspick 433 433
        futex_requeue 456 456
        futex_wait 455 455
        futex_wake 454 454
        futimesat 261 -
        get_kernel_syms 177 -
        get_thread_area 211 -
        getdents 78 -
        getpmsg 181 -
        getxattrat 464 464
        init_module 175 105
        io_cancel 210 3
        io_destroy 207 1
        io_getevents 208 4
        io_pgetevents 333 292
        io_setup 206 0
        io_submit 209 2
        ioperm 173 -
        iopl 172 -
        ioprio_get 252 31
        ioprio_set 251 30
        kcmp 312 272
        kexec_file_load 320 294
        kexec_load 246 104
        keyctl 250 219
        listmount 458 458
        listxattrat 465 465
        lookup_dcookie 212 18
        lsm_get_self_attr 459 459
        lsm_list_modules 461 461
        lsm_set_self_attr 460 460
        map_shadow_stack 453 453
        memfd_secret 447 447
        migrate_pages 256 238
        modify_ldt 154 -
        mount_setattr 442 442
        move_mount 429 429
        move_pages 279 239
        mq_getsetattr 245 185
        mq_notify 244 184
        mq_open 240 180
        mq_timedreceive 243 183
        mq_timedsend 242 182
        mq_unlink 241 181
        mseal 462 462
        msgctl 71 187
        msgget 68 186
        msgrcv 70 188
        msgsnd 69 189
        nfsservctl 180 42
        open_by_handle_at 304 265
        open_tree 428 428
        open_tree_attr 467 467
        perf_event_open 298 241
        personality 135 92
        pidfd_getfd 438 438
        pkey_alloc 330 289
        pkey_free 331 290
        pkey_mprotect 329 288
        process_mrelease 448 448
        process_vm_readv 310 270
        process_vm_writev 311 271
        ptrace 101 117
        putpmsg 182 -
        query_module 178 -
        quotactl 179 60
        quotactl_fd 443 443
        reboot 169 142
        remap_file_pages 216 234
        removexattrat 466 466
        request_key 249 218
        sched_rr_get_interval 148 127
        security 185 -
        semctl 66 191
        semget 64 190
        semop 65 193
        semtimedop 220 192
        set_mempolicy_home_node 450 450
        set_thread_area 205 -
        setdomainname 171 162
        sethostname 170 161
        settimeofday 164 170
        setxattrat 463 463
        shmat 30 196
        shmctl 31 195
        shmdt 67 197
        shmget 29 194
        statmount 457 457
        swapoff 168 225
        swapon 167 224
        sysfs 139 -
        syslog 103 116
        tuxcall 184 -
        uselib 134 -
        ustat 136 -
        vhangup 153 58
        vmsplice 278 75
        vserver 236 -
        """;

    private static readonly Dictionary<string, int>[] Tables = [Join(arm64: false), Join(arm64: true)];

    /// <summary>Every name with its number on one processor; -1 where that has no such call.</summary>
    internal static IReadOnlyDictionary<string, int> For(bool arm64) => Tables[arm64 ? 1 : 0];

    private static Dictionary<string, int> Join(bool arm64)
    {
        Dictionary<string, int> numbers = SystemCallTable.For(arm64);
        foreach ((string name, int number) in SystemCallTable.Read(Rows, arm64)) numbers.Add(name, number);
        return numbers;
    }
}
