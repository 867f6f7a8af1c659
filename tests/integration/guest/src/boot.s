// Everything that runs at CPL 0 (and the ways to CPL 3). A PVM host emulates it at about 1 MIPS: keep it small.

.section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18                  // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

.section .boot.text, "ax"

// --- entries ---------------------------------------------------------------------------------------------------------

.code32
.global pvh_entry
pvh_entry:                          // 32-bit protected mode, no paging; EBX = start info
    cli
    mov esp, offset kernel_stacks + 4096
    mov ebp, ebx
    xor esi, esi                    // 0 = PVH

enter_long:                         // ESI = kind of entry (2 = application processor), EBP = boot information
    lgdt [gdt_pointer]
    mov eax, 0x620                  // PAE, OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, offset pml4
    mov cr3, eax
    mov ecx, 0xc0000080             // EFER
    mov eax, 0x100                  // LME
    xor edx, edx
    wrmsr
    mov eax, 0x80000033             // PG, NE, ET, MP, PE
    mov cr0, eax
    .byte 0xea                      // far jump into 64-bit code
    .long long_mode
    .word 0x10

ap_protected:
    mov ax, 0x18
    mov ds, ax
    mov esi, 2
    jmp enter_long

.code64
.global linux64_entry
linux64_entry:                      // 64-bit mode, identity mapped; RSI = boot_params
    cli
    mov rbp, rsi
    mov esi, 1                      // 1 = Linux 64-bit
    lgdt [gdt_pointer]
    mov eax, 0x620
    mov cr4, rax
    mov eax, offset pml4
    mov cr3, rax
    mov eax, 0x80000033
    mov cr0, rax
    jmp boot_processor

// CPL 3 may use all ports: by IOPL where the host honours it, else (PVM strips it) by the TSS's bitmap. QEMU's emulated
// CPU ignores the bitmap of a TSS that is marked busy, as it is after a machine was restored.
.set USER_FLAGS, 0x3002

long_mode:
    cmp esi, 2
    je application_processor

boot_processor:
    mov esp, offset kernel_stacks + 4096
    mov eax, offset task_segments
    mov [gdt_tss + 2], ax
    shr eax, 16
    mov [gdt_tss + 4], al
    mov [gdt_tss + 7], ah
    mov ax, 0x40
    ltr ax
    lidt [idt_pointer]
    mov edi, esi
    mov rsi, rbp
    push 0x2b
    push offset boot_stack_top - 8
    push USER_FLAGS
    push 0x33
    push offset guest_main
    iretq

application_processor:
    mov edi, [ap_index]
    mov eax, edi
    shl eax, 4
    add eax, 0x40
    ltr ax
    lidt [idt_pointer]
    mov rsp, [ap_kernel_stack]
    push 0x2b
    push qword ptr [ap_user_stack]
    push USER_FLAGS
    push 0x33
    push offset ap_main
    iretq

// --- the gate from CPL 3: int3, RAX = operation, RDI and RSI = arguments, RAX = result -------------------------------

.global gate_entry
gate_entry:
    jmp [gate_table + rax * 8]
gate_halt:                          // wait for an interrupt
    sti
    hlt
    cli
    iretq
gate_rdmsr:
    mov ecx, edi
    rdmsr
    shl rdx, 32
    or rax, rdx
    iretq
gate_wrmsr:
    mov ecx, edi
    mov rax, rsi
    mov rdx, rsi
    shr rdx, 32
    wrmsr
    iretq
gate_interrupts_on:                 // IF of the interrupted code
    or dword ptr [rsp + 16], 0x200
    iretq
gate_interrupts_off:
    and dword ptr [rsp + 16], 0xfffffdff
    iretq
gate_stop:                          // for ever
    cli
    hlt
    jmp gate_stop
gate_triple_fault:
    lidt [empty_pointer]
    mov rax, -8                     // not mapped: a page fault, which KVM's emulator can raise (it cannot `int3`)
    mov rax, [rax]
gate_crash:                         // x87 load from MMIO: no emulator of KVM knows it, and at CPL 0 that is fatal
    fld tbyte ptr [rdi]
    iretq

gate_cpuid:                         // RDI = where leaf and subleaf stand and the four registers go
    push rbx
    mov eax, [rdi]
    mov ecx, [rdi + 4]
    cpuid
    mov [rdi], eax
    mov [rdi + 4], ebx
    mov [rdi + 8], ecx
    mov [rdi + 12], edx
    pop rbx
    iretq

gate_xgetbv:                        // XCR0
    mov rcx, cr4
    or rcx, 0x40000                 // OSXSAVE
    mov cr4, rcx
    xor ecx, ecx
    xgetbv
    shl rdx, 32
    or rax, rdx
    iretq

// --- exceptions: record them and go to fault_main at CPL 3 -----------------------------------------------------------

.macro exception_stub vector
    .balign 16
    push \vector
    jmp exception
.endm

.balign 16
.global exception_stubs
exception_stubs:
.set vector, 0
.rept 32
    exception_stub vector
    .set vector, vector + 1
.endr

exception:
    pop qword ptr [fault_record]
    pop qword ptr [fault_record + 8]
    pop qword ptr [fault_record + 16]
    pop qword ptr [fault_record + 24]
    pop qword ptr [fault_record + 32]
    pop qword ptr [fault_record + 40]
    mov rax, cr2
    mov [fault_record + 48], rax
    push 0x2b
    push offset fault_stack_top - 8
    push USER_FLAGS
    push 0x33
    push offset fault_main
    iretq

// --- interrupts 0x30 to 0xef: count, mask the pin of a level, acknowledge --------------------------------------------

.macro interrupt_stub vector
    .balign 16
    push rax
    mov eax, \vector
    jmp interrupt
.endm

.balign 16
.global interrupt_stubs
interrupt_stubs:
.set vector, 0x30
.rept 192
    interrupt_stub vector
    .set vector, vector + 1
.endr

interrupt:
    lock inc qword ptr [interrupt_counts + rax * 8]
    cmp byte ptr [level_registers + rax], 0
    jne interrupt_level
interrupt_end:
    cmp byte ptr [x2apic_enabled], 0
    jne interrupt_x2apic
    mov eax, 0xfee000b0
    mov dword ptr [rax], 0
    pop rax
.global spurious_stub
spurious_stub:
    iretq
interrupt_x2apic:
    push rcx
    push rdx
    mov ecx, 0x80b
    xor eax, eax
    xor edx, edx
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq
interrupt_level:                    // a level would interrupt again at once: who serves its device unmasks the pin
    movzx eax, byte ptr [level_registers + rax]
    push rcx
    push rdx
interrupt_lock:
    mov cl, 1
    xchg [io_apic_lock], cl
    test cl, cl
    jnz interrupt_lock
    mov rcx, [io_apic_address]
    mov [rcx], eax
    mov edx, [rcx + 0x10]
    or edx, 0x10000
    mov [rcx + 0x10], edx
    mov byte ptr [io_apic_lock], 0
    pop rdx
    pop rcx
    jmp interrupt_end

// --- where an application processor starts, copied to TRAMPOLINE -----------------------------------------------------

.set TRAMPOLINE, 0x8000
.section .rodata.trampoline, "a"
.global trampoline_start
trampoline_start:
.code16
    cli
    xor ax, ax
    mov ds, ax
    .byte 0x66, 0x0f, 0x01, 0x16    // lgdt with a 32-bit base
    .word TRAMPOLINE + trampoline_gdt_pointer - trampoline_start
    mov eax, 0x11                   // ET, PE
    mov cr0, eax
    .byte 0x66, 0xea
    .long ap_protected
    .word 8
trampoline_gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
.global trampoline_end
trampoline_end:
.code64

// --- data ------------------------------------------------------------------------------------------------------------

.section .data.boot, "aw"
.balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        // 0x08 code, 32 bits, DPL 0
    .quad 0x00af9b000000ffff        // 0x10 code, 64 bits, DPL 0
    .quad 0x00cf93000000ffff        // 0x18 data, DPL 0
    .quad 0x00cffb000000ffff        // 0x20 code, 32 bits, DPL 3
    .quad 0x00cff3000000ffff        // 0x28 data, DPL 3
    .quad 0x00affb000000ffff        // 0x30 code, 64 bits, DPL 3
    .quad 0
.global gdt_tss
gdt_tss:                            // 0x40 + 16 * CPU; the limit is TASK_LIMIT of descriptors.rs
.rept 64
    .quad 0x0000890000003a00, 0
.endr
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
idt_pointer:
    .word 256 * 16 - 1
    .quad interrupt_table
empty_pointer:
    .word 0
    .quad 0
.balign 8
gate_table:
    .quad gate_halt, gate_rdmsr, gate_wrmsr, gate_interrupts_on, gate_interrupts_off, gate_stop, gate_triple_fault, gate_crash, gate_cpuid
    .quad gate_xgetbv

// The low 4 GiB, identity mapped by 2 MiB pages that CPL 3 may use; paging.rs adds what lies above.
.section .page_tables, "aw"
.balign 4096
.global pml4
pml4:
    .quad pdpt + 7
    .fill 511, 8, 0
pdpt:
    .quad directories + 7, directories + 0x1007, directories + 0x2007, directories + 0x3007
    .fill 508, 8, 0
directories:
.set page, 0
.rept 2048
    .quad page * 0x200000 + 0xe7
    .set page, page + 1
.endr
.text
